// What a page does without the server: theme, menu, copy buttons, forms, marks on what has just changed.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("has-script");

  // Times stand in the reader's own zone from the next page on; until then in that of the organisation.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `coffer_tz=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

  const stored = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode: the choice lasts for this page */ } },
  };
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const showTheme = (choice) => {
    const dark = choice === "dark" || (choice === "auto" && systemDark.matches);
    if (dark) root.setAttribute("data-bs-theme", "dark"); else root.removeAttribute("data-bs-theme");
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  };
  showTheme(stored.get("tabler-theme") ?? "auto");

  const copy = async (button) => {
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch {
      const field = document.createElement("textarea"); // plain http: the clipboard of secure pages is not there
      field.value = button.dataset.copy;
      field.className = "visually-hidden";
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    button.classList.add("is-copied");
    setTimeout(() => button.classList.remove("is-copied"), 1500);
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-theme-choice], [data-toggle-rail]");
    if (!target) return;
    if (target.dataset.copy !== undefined) { event.preventDefault(); copy(target); return; }
    if (target.dataset.themeChoice) {
      stored.set("tabler-theme", target.dataset.themeChoice);
      showTheme(target.dataset.themeChoice);
      return;
    }
    const open = document.getElementById("rail").classList.toggle("is-open");
    target.setAttribute("aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select") && document.getElementById("q")) {
      event.preventDefault();
      document.getElementById("q").focus();
    }
  });

  for (const form of document.querySelectorAll("[data-auto-submit]")) {
    form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
    form.addEventListener("submit", () => { // empty filters do not stand in the address
      for (const field of form.querySelectorAll("input, select")) if (!field.value) field.disabled = true;
    });
  }
  for (const form of document.querySelectorAll("[data-kind-form]")) {
    const show = () => {
      const kind = new FormData(form).get("wallet_type");
      for (const part of form.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== kind;
    };
    form.addEventListener("change", show);
    show();
  }
  addEventListener("pageshow", (event) => { // a page out of the back-forward cache may show somebody else's session
    if (event.persisted) location.reload();
  });

  // A list asks again for as many rows as it shows, so that what "Load more" brought stays.
  document.addEventListener("htmx:config:request", (event) => {
    const list = event.detail.ctx.sourceElement;
    if (!list.matches("[data-live-rows]")) return;
    const rows = list.querySelectorAll("[data-key]").length;
    if (rows > 200) { event.preventDefault(); return; } // deep in the past: new rows come with the next visit
    event.detail.ctx.request.body.set("limit", String(rows));
  });

  // What was not there before the swap is marked; what changed ticks.
  const before = new WeakMap();
  document.addEventListener("htmx:before:swap", (event) => {
    const part = event.detail.ctx.target;
    if (!part?.matches?.("[data-fresh-rows], [data-ticks]")) return;
    before.set(part, {
      keys: new Set([...part.querySelectorAll("[data-key]")].map((row) => row.dataset.key)),
      texts: new Map([...part.querySelectorAll("[data-tick]")].map((node) => [node.id, node.textContent])),
    });
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const part = event.detail.ctx.target;
    const was = part && before.get(part);
    if (!was) return;
    before.delete(part);
    for (const row of part.querySelectorAll("[data-key]")) if (!was.keys.has(row.dataset.key)) mark(row, "row-fresh");
    for (const node of part.querySelectorAll("[data-tick]")) {
      if (was.texts.has(node.id) && was.texts.get(node.id) !== node.textContent) mark(node, "ticked");
    }
  });
  const mark = (node, name) => {
    node.classList.add(name);
    setTimeout(() => node.classList.remove(name), 2800);
  };
})();
