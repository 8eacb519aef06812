// An invoice by keyboard: Enter goes on, at the end it makes a new line with the taxes of the last one, Ctrl+Enter saves. What it comes to is reckoned by the server.
(() => {
  "use strict";
  const form = document.querySelector("[data-invoice-form]");
  if (!form) return;
  const body = form.querySelector("[data-lines]");

  const addLine = () => {
    const rows = body.querySelectorAll("tr:not(.line-says)");
    const row = rows[rows.length - 1].cloneNode(true);
    row.classList.remove("is-wrong");
    for (const field of row.querySelectorAll("input")) {
      if (field.name !== "taxes") field.value = "";
      field.classList.remove("is-invalid");
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
      field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+$/, String(rows.length + 1)));
    }
    body.append(row);
    return row.querySelector("input");
  };

  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input, select")) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      form.requestSubmit(form.querySelector('[name="then"][value="save"]'));
      return;
    }
    const inLines = body.contains(event.target);
    const all = [...(inLines ? body : form).querySelectorAll("input:not([type=hidden]), select, textarea")];
    const next = all[all.indexOf(event.target) + 1] ?? (inLines ? addLine() : null);
    next?.focus();
    next?.select?.();
  });
  form.querySelector("[data-add-line]").addEventListener("click", (event) => { event.preventDefault(); addLine().focus(); });
})();
