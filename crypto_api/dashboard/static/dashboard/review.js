// The review queue by keyboard. Everything is a form that works without this: here are only the keys, and how many are chosen.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  const form = document.querySelector("[data-review]");
  if (!form) return;
  const rows = () => [...form.querySelectorAll("[data-review-row]")];
  const boxes = () => [...form.querySelectorAll("input[name='chosen']")];
  const here = () => document.activeElement?.closest("[data-review-row]");

  const count = () => {
    const chosen = boxes().filter((box) => box.checked);
    const suggested = chosen.filter((box) => "suggested" in box.dataset).length;
    const says = form.querySelector("[data-review-count]");
    if (says) says.textContent = chosen.length ? say("chosen", { n: chosen.length, suggested }) : say("none");
  };
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-review-all]")) for (const box of boxes()) box.checked = event.target.checked;
    count();
  });
  document.body.addEventListener("htmx:afterSwap", count);
  document.body.addEventListener("htmx:after:swap", count);

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(here());
    const next = all[Math.min(Math.max(at < 0 ? 0 : at + step, 0), all.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  // Of the row that has the focus, where nothing is chosen.
  const chooseHere = () => {
    const row = here();
    if (row && !boxes().some((box) => box.checked)) {
      const box = row.querySelector("input[name='chosen']");
      if (box) box.checked = true;
    }
    count();
    return boxes().some((box) => box.checked);
  };
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x: () => { const box = here()?.querySelector("input[name='chosen']"); if (box) { box.checked = !box.checked; count(); } },
    w: () => { const why = here()?.querySelector("details"); if (why) why.open = !why.open; },
    o: () => here()?.querySelector("[data-review-open]")?.click(),
    c: () => { chooseHere(); form.querySelector("#category")?.focus(); },
    a: () => { const button = form.querySelector("[data-review-accept]"); if (button && chooseHere()) form.requestSubmit(button); },
    s: () => { const button = form.querySelector("[data-review-say]"); if (button && chooseHere()) form.requestSubmit(button); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    if (event.target.closest("input:not([type='checkbox']), textarea, select, dialog")) return;
    if (document.querySelector("[data-single-keys]")?.checked === false) return; // switched off in the sheet of keys
    event.preventDefault();
    keys[event.key]();
  });
})();
