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

// How a page writes numbers, and how its forms read them, as number_formats.py does, which decides. Text in, text out: nothing becomes a float.
globalThis.numbersOf = (format) => {
  const marks = new Intl.NumberFormat(format, { minimumFractionDigits: 1 }).formatToParts(12345.5);
  const mark = (type) => marks.find((part) => part.type === type).value;
  const [point, group] = [mark("decimal"), mark("group")];
  const groupedFrom = new Intl.NumberFormat(format).formatToParts(1234).some((part) => part.type === "group") ? 4 : 5; // Spanish writes 1234,5
  const grouped = (whole) => (whole.length < groupedFrom ? whole : whole.replace(/\B(?=(\d{3})+$)/g, group));
  return {
    format,
    point,
    shown: (plain) => { const [whole, decimals] = plain.split("."); return grouped(whole) + (decimals ? point + decimals : ""); },
    typed: (plain) => plain.replace(".", point),
    read: (typed) => { // as "1234.50"; null where it is no number of this format
      const at = typed.indexOf(point);
      const [whole, decimals] = at < 0 ? [typed, null] : [typed.slice(0, at), typed.slice(at + point.length)];
      const digits = whole.replaceAll(group, "");
      const written = whole === digits || (grouped(digits) === whole) || (decimals !== null && digits.replace(/\B(?=(\d{3})+$)/g, group) === whole);
      if (!written || !/^(0|[1-9]\d{0,59})$/.test(digits) || (decimals !== null && !/^\d{1,36}$/.test(decimals))) return null;
      return decimals === null ? digits : `${digits}.${decimals}`;
    },
  };
};
globalThis.pageNumbers = numbersOf(document.body.dataset.numbers || "en");
// Whatever a page asks for stands in its format, though the language was chosen anew in another tab meanwhile.
globalThis.inPageNumbers = (headers) => ({ ...headers, "X-Number-Format": pageNumbers.format });
