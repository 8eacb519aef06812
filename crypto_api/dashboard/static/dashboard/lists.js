// What a list does for whoever works with it: which columns it shows.
(() => {
  "use strict";
  // The choice is laid on the table at once and sent behind it; the server lays it on the next page.
  document.addEventListener("change", async (event) => {
    const form = event.target.closest("form[data-columns]");
    if (!form) return;
    const table = form.closest(".columns-line").nextElementSibling.querySelector("table");
    table.classList.toggle(`no-${event.target.value}`, !event.target.checked);
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) form.submit(); // the page says what is wrong, and shows what is kept
  });
})();
