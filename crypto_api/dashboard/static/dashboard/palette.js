// The palette and the keys that work everywhere. What is found comes from the server as it may be seen; here it is only chosen from.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  const palette = document.getElementById("palette");
  const help = document.getElementById("help-sheet");
  if (!palette) return;
  const field = document.getElementById("palette-field");
  const results = document.getElementById("palette-results");
  const PAUSE_MS = 120;
  const places = new Map([...help.querySelectorAll("[data-place]")].map((row) => [row.dataset.placeKey, row.dataset.place])); // as the sheet says
  const LEAD_MS = 1500;

  const hits = () => [...results.querySelectorAll("[role=option]")];
  const chosen = () => results.querySelector("[aria-selected=true]");
  const choose = (hit) => {
    chosen()?.setAttribute("aria-selected", "false");
    field.removeAttribute("aria-activedescendant");
    if (!hit) return;
    hit.setAttribute("aria-selected", "true");
    hit.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", hit.id);
  };
  const move = (by) => {
    const all = hits();
    if (all.length) choose(all[(all.indexOf(chosen()) + by + all.length) % all.length]);
  };

  let asking = null;
  let pause = 0;
  let shown = null; // the text whose results stand there
  let moved = false; // by arrow keys since the text was changed: what was chosen stays chosen where it is found again
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const text = field.value;
    try {
      const answer = await fetch(`${palette.dataset.resultsUrl}?${new URLSearchParams({ q: text })}`, { headers: inPageNumbers({ "HX-Request": "true" }), signal: asking.signal });
      if (answer.status === 401) { location.reload(); return; } // the session has ended
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      const found = await answer.text();
      const kept = moved ? chosen()?.href : null;
      results.innerHTML = found;
      shown = text;
      choose(hits().find((hit) => hit.href === kept) ?? hits()[0]);
    } catch (error) {
      if (error.name === "AbortError") return;
      const note = document.createElement("p");
      note.className = "palette-none";
      note.textContent = say("not_searched");
      results.replaceChildren(note);
    }
  };
  let opens = false; // Enter was pressed before what was typed had been searched
  const open = () => {
    if (palette.open) return;
    help.close();
    palette.showModal();
    field.select();
    ask();
  };
  field.addEventListener("input", () => { moved = false; clearTimeout(pause); pause = setTimeout(ask, PAUSE_MS); });
  field.addEventListener("keydown", async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); moved = true; move(event.key === "ArrowDown" ? 1 : -1); }
    if (event.key !== "Enter" || event.isComposing || opens) return;
    event.preventDefault();
    if (shown !== field.value) { opens = true; clearTimeout(pause); await ask(); opens = false; }
    if (chosen() && shown === field.value) location.assign(chosen().href);
  });

  const stored = { get: () => { try { return localStorage.getItem("coffer-single-keys"); } catch { return null; } }, set: (value) => { try { localStorage.setItem("coffer-single-keys", value); } catch { /* this page only */ } } };
  const single = document.querySelector("[data-single-keys]");
  single.checked = stored.get() !== "off";
  single.addEventListener("change", () => stored.set(single.checked ? "on" : "off"));

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-palette]")) open();
    if (event.target.closest("[data-open-help]")) help.showModal();
    if (event.target.closest("[data-close-dialog]") || event.target === palette || event.target === help) event.target.closest("dialog").close();
  });

  const never = -Infinity; // 0 would be the moment when the page was loaded: the first second of every page would be led
  let led = never; // when `g` was pressed
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") { event.preventDefault(); if (palette.open) palette.close(); else open(); return; }
    if (!single.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (event.key === "?") { event.preventDefault(); help.showModal(); return; }
    if (event.key === "/" && !document.getElementById("q")) { event.preventDefault(); open(); return; }
    if (event.key === "g") { led = performance.now(); return; }
    const path = performance.now() - led < LEAD_MS ? places.get(event.key) : null;
    led = never;
    const link = path && document.querySelector(`.rail-nav a[href="${path}"]`); // only where this person may go
    if (link) { event.preventDefault(); location.assign(link.href); }
  });
})();
