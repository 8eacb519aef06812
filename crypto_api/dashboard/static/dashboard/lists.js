// What a list does for whoever works with it: which columns it shows, and what is done with many of its rows at once.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);

  // The choice of columns is laid on the table at once and sent behind it; the server lays it on the next page.
  document.addEventListener("change", async (event) => {
    const form = event.target.closest("form[data-columns]");
    if (!form) return;
    const table = form.closest(".columns-line").nextElementSibling.querySelector("table");
    table.classList.toggle(`no-${event.target.value}`, !event.target.checked);
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) form.submit(); // the page says what is wrong, and shows what is kept
  });

  // Rows that are chosen belong to the form of the list; it shows once there is one to choose.
  const bar = () => document.querySelector("form[data-bulk]");
  const boxes = () => [...document.querySelectorAll("input[name='chosen'][form='bulk']")];
  const count = () => {
    const form = bar();
    if (!form) return;
    const chosen = boxes().filter((box) => box.checked).length;
    form.hidden = boxes().length === 0;
    form.classList.toggle("is-on", chosen > 0);
    form.querySelector("[data-bulk-count]").textContent = chosen ? say("chosen", { n: chosen }) : say("none");
    form.querySelector("[data-bulk-all]").checked = chosen > 0 && chosen === boxes().length;
    for (const field of form.querySelectorAll("button, select, input[type=text], input:not([type])")) field.disabled = chosen === 0;
  };
  count();
  document.addEventListener("htmx:after:swap", count);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-bulk-all]")) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches("[data-bulk-all], input[name='chosen']")) count();
  });

  // What came of it stands in the corner: for half a minute, or until it is sent away where something was refused.
  const SHOWN_MS = 30000;
  const toast = document.querySelector("[data-toast]");
  let going = 0;
  const away = () => { toast.hidden = true; toast.classList.remove("toast-told"); toast.replaceChildren(); };
  const tell = (html) => {
    clearTimeout(going);
    toast.classList.add("toast-told");
    toast.innerHTML = html;
    toast.hidden = false;
    if (!toast.querySelector(".bulk-refused")) going = setTimeout(away, SHOWN_MS);
  };
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-bulk], form[data-bulk-undo]") || event.defaultPrevented) return; // page.js lets a form be sent once
    event.preventDefault();
    const to = event.submitter?.hasAttribute("formaction") ? event.submitter.formAction : form.action;
    const answer = await fetch(to, { method: "POST", body: new FormData(form), headers: inPageNumbers({ "HX-Request": "true" }) }).catch(() => null);
    delete form.dataset.sent;
    if (answer?.redirected) { location.assign(answer.url); return; } // it asks who is there first
    if (!answer?.ok) { tell(""); toast.textContent = say("failed"); return; }
    const html = await answer.text();
    if (form.matches("[data-bulk]")) {
      for (const box of boxes()) box.checked = false;
      for (const asked of form.querySelectorAll("details[open]")) asked.open = false;
      count();
    }
    tell(html);
    document.body.dispatchEvent(new CustomEvent("coffer:refresh"));
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-bulk-away]") || !toast.contains(event.target)) return;
    event.preventDefault();
    away();
  });
})();
