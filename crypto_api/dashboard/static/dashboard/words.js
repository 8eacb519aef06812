// What scripts say to people, in the language of the page: `{% script %}` gives each script its own texts (script_words.py).
"use strict";

// say("sent", { hash }) is the text with its places filled; a text of two forms is chosen by `n` as the language counts.
globalThis.wordsOf = (script) => {
  const texts = JSON.parse(script.dataset.words);
  const plurals = new Intl.PluralRules(document.documentElement.lang);
  return (key, places = {}) => {
    const text = Array.isArray(texts[key]) ? texts[key][plurals.select(places.n) === "one" ? 0 : 1] : texts[key];
    return text.replace(/%\((\w+)\)s/g, (_, name) => places[name]);
  };
};
