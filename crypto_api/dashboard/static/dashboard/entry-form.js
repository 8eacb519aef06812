// A journal entry by keyboard: the difference runs along, Enter goes on, `=` balances, an account is found by its code or a part of its name. Amounts are whole numbers of 10^-8, never floats.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  const form = document.querySelector("[data-entry-form]");
  if (!form) return;
  const body = form.querySelector("[data-lines]");
  const numbers = numbersOf(form.elements.number_format.value);
  const PLACES = 8;

  const parsed = (typed) => { // null: not an amount
    const text = typed.trim();
    if (text === "") return 0n;
    const found = /^(\d+)(?:\.(\d{1,8}))?$/.exec(numbers.read(text) ?? "");
    return found && BigInt(found[1] + (found[2] ?? "").padEnd(PLACES, "0"));
  };
  const written = (value, grouped) => {
    const digits = value.toString().padStart(PLACES + 1, "0");
    const whole = digits.slice(0, -PLACES);
    const rest = digits.slice(-PLACES).replace(/0+$/, "").padEnd(2, "0");
    return grouped ? numbers.shown(`${whole}.${rest}`) : numbers.typed(`${whole}.${rest}`);
  };
  const sum = (side) => {
    let total = 0n;
    for (const field of body.querySelectorAll(`[name="${side}"]`)) {
      const value = parsed(field.value);
      if (value === null) return null;
      total += value;
    }
    return total;
  };

  const show = () => {
    const [debit, credit] = [sum("debit"), sum("credit")];
    const says = form.querySelector("[data-difference]");
    for (const [side, total] of [["debit", debit], ["credit", credit]]) {
      form.querySelector(`[data-total="${side}"]`).textContent = total === null ? "?" : written(total, true);
    }
    const known = debit !== null && credit !== null;
    const balanced = known && debit === credit;
    says.dataset.state = balanced ? (debit === 0n ? "none" : "balanced") : "open";
    if (!known) says.textContent = say("unread");
    else if (balanced) says.textContent = debit === 0n ? "" : say("balanced");
    else says.textContent = debit > credit ? say("more_debit", { amount: written(debit - credit, true) }) : say("more_credit", { amount: written(credit - debit, true) });
  };

  const addLine = () => {
    const rows = body.querySelectorAll("tr:not(.line-says)");
    const row = rows[rows.length - 1].cloneNode(true);
    row.classList.remove("is-wrong");
    for (const field of row.querySelectorAll("input")) {
      field.value = "";
      field.classList.remove("is-invalid");
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
      field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+$/, String(rows.length + 1)));
    }
    body.append(row);
    return row.querySelector("input");
  };

  const balance = (field) => { // what is missing on this side, given the other lines
    field.value = "";
    const [debit, credit] = [sum("debit"), sum("credit")];
    if (debit === null || credit === null) return;
    const missing = field.name === "debit" ? credit - debit : debit - credit;
    if (missing > 0n) field.value = written(missing, false);
    show();
  };

  const offered = [...form.querySelectorAll("#account-codes option")].map((option) => option.value);
  const complete = (field) => { // the one account that is meant; where it could be several, what was typed stays
    const typed = field.value.trim().toLowerCase();
    if (typed === "") return;
    const named = offered.map((value) => [value, value.toLowerCase()]);
    const exact = named.filter(([, text]) => text.split(" ", 1)[0] === typed || text === typed || text.slice(text.indexOf(" ") + 1) === typed);
    const found = exact.length ? exact : named.filter(([, text]) => text.startsWith(typed) || text.slice(text.indexOf(" ") + 1).includes(typed));
    if (found.length === 1) field.value = found[0][0];
  };

  body.addEventListener("input", show);
  body.addEventListener("change", (event) => { if (event.target.name === "account") complete(event.target); });
  body.addEventListener("keydown", (event) => {
    const field = event.target;
    if (event.key === "=" && (field.name === "debit" || field.name === "credit")) {
      event.preventDefault();
      balance(field);
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault();
    if (event.target.name === "account") complete(event.target);
    if (event.ctrlKey || event.metaKey) {
      const post = event.shiftKey ? form.querySelector('[name="then"][value="post"]') : null; // none where another person approves
      form.requestSubmit(post ?? form.querySelector('[name="then"][value="draft"]'));
      return;
    }
    const all = [...form.querySelectorAll("input:not([type=hidden])")];
    const next = all[all.indexOf(event.target) + 1] ?? addLine();
    next.focus();
    next.select?.();
  });
  form.querySelector("[data-add-line]").addEventListener("click", (event) => { event.preventDefault(); addLine().focus(); });
  show();
})();
