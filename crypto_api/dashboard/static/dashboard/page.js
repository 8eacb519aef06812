// What a page does without the server: theme, menu, copy buttons, forms, marks on what has just changed.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  const root = document.documentElement;
  root.classList.add("has-script");

  // Times stand in the reader's own zone from the next page on; until then in that of the organisation.
  const keep = (name, value) => {
    const tls = location.protocol === "https:"; // then under the name that no other host can set (crypto_api/kit/cookies.py)
    document.cookie = `${tls ? "__Host-" : ""}${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax${tls ? "; secure" : ""}`;
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) keep("coffer_tz", zone);

  // What a page shows goes with its session, also where no server can be reached that says so: it asks for itself again then.
  const endsS = Number(document.body.dataset.sessionEnds);
  if (endsS > 0) setTimeout(() => location.reload(), Math.min(endsS * 1000 + 1000, 2 ** 31 - 1));

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
  const showChosenTheme = () => showTheme(stored.get("tabler-theme") ?? "auto");
  showChosenTheme();
  systemDark.addEventListener("change", showChosenTheme); // at dusk, on an open page

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

  const reveal = (button) => {
    const field = document.getElementById(button.dataset.reveal);
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    field.focus();
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-reveal], [data-print], [data-theme-choice], [data-toggle-rail]");
    if (!target) return;
    if (target.dataset.reveal) { reveal(target); return; }
    if (target.dataset.print !== undefined) { print(); return; }
    if (target.dataset.copy !== undefined) { event.preventDefault(); copy(target); return; }
    if (target.dataset.themeChoice) {
      stored.set("tabler-theme", target.dataset.themeChoice);
      showTheme(target.dataset.themeChoice);
      return;
    }
    const open = document.getElementById("rail").classList.toggle("is-open");
    target.setAttribute("aria-expanded", String(open));
  });
  // So does the language, and the page comes again in it.
  document.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-language]");
    if (!choice) return;
    keep("coffer_language", choice.dataset.language);
    location.reload();
  });
  // The period that was picked is what the next page opens with.
  document.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-period], button[data-range]");
    if (!picked) return;
    const period = picked.dataset.period ?? picked.dataset.range;
    keep("coffer_period", period);
    const file = document.getElementById("value-export");
    if (file) file.href = file.href.replace(/range=\w+/, `range=${encodeURIComponent(period)}`);
  });
  const menus = () => document.querySelectorAll("details[data-closes][open]");
  document.addEventListener("click", (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of menus()) { menu.open = false; menu.querySelector("summary").focus(); }
    const single = document.querySelector("[data-single-keys]")?.checked !== false; // switched off in the sheet of keys
    if (event.key === "/" && single && !event.target.closest("input, textarea, select, dialog") && document.getElementById("q")) {
      event.preventDefault();
      document.getElementById("q").focus();
    }
  });

  // After a form was refused: to the first wrong field, whose description says why; else to what is said about the form as a whole.
  (document.querySelector("main [aria-invalid='true']") ?? document.querySelector("main #problem"))?.focus();

  // What runs out, in seconds from now, since this clock may be wrong: `data-left` of what counts, `data-wait` of what is shut. The server decides.
  const clock = (left) => `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  for (const node of document.querySelectorAll("[data-left], [data-wait]")) {
    const ends = performance.now() + Number(node.dataset.left ?? node.dataset.wait) * 1000;
    const show = () => {
      const left = Math.ceil((ends - performance.now()) / 1000);
      if (left > 0) { node.textContent = node.dataset.left ? clock(left) : say("wait", { time: clock(left) }); return; }
      clearInterval(ticking);
      if (node.dataset.left) location.assign(location.pathname + location.search); else node.textContent = say("waited");
    };
    const ticking = setInterval(show, 1000);
    show();
  }
  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 5000); // the answer may be a file, and the page still be here
  });

  for (const form of document.querySelectorAll("[data-auto-submit]")) {
    form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
    form.addEventListener("submit", () => { // empty filters do not stand in the address
      for (const field of form.querySelectorAll("input, select")) if (!field.value) field.disabled = true;
    });
  }
  for (const form of document.querySelectorAll("[data-kind-form]")) {
    const show = () => {
      const kind = new FormData(form).get(form.dataset.kindForm || "wallet_type");
      for (const part of form.querySelectorAll("[data-kind]")) part.hidden = !part.dataset.kind.split(" ").includes(kind);
    };
    form.addEventListener("change", show);
    show();
  }
  addEventListener("pageshow", (event) => {
    for (const form of document.forms) delete form.dataset.sent;
    // a page out of the back-forward cache may show somebody else's session
    if (event.persisted) location.reload();
  });

  // Codes of currencies and countries with their names, where the browser knows them.
  for (const field of document.querySelectorAll("select[data-names]")) {
    const names = new Intl.DisplayNames(root.lang, { type: field.dataset.names, fallback: "none" });
    for (const option of field.options) {
      const name = option.value && names.of(option.value);
      if (name) option.textContent = `${option.value} · ${name}`;
    }
  }
  // Somebody asked for more, and it did not come.
  const toast = document.querySelector("[data-toast]");
  const failed = (event) => {
    if (!toast || !event.target.matches("button")) return;
    toast.textContent = say("not_loaded");
    toast.hidden = false;
    setTimeout(() => { toast.hidden = true; }, 6000);
  };
  document.addEventListener("htmx:error", failed);
  document.addEventListener("htmx:response:error", failed);

  document.addEventListener("htmx:config:request", (event) => Object.assign(event.detail.ctx.request.headers, inPageNumbers({})));
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
      const old = was.texts.get(node.id);
      if (old === undefined || old === node.textContent) continue;
      mark(node, "ticked");
      countUp(node, old, node.textContent);
    }
  });
  // From the old figure to the new one, in the form of the new one, digit by digit: in whatever language it is written, and as whole numbers of its
  // last digit. The text that the server wrote stands there at the end, whatever happens in between.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const COUNT_MS = 700;
  const DIGITS_MAX = 15; // beyond, a number of this language is not exact
  const decimals = (text) => text.split(pageNumbers.point)[1]?.replace(/\D/g, "").length ?? 0;
  const countUp = (node, old, text) => {
    const [from, to] = [old, text].map((one) => one.replace(/\D/g, ""));
    if (calm.matches || document.hidden || !from || !to || Math.max(from.length, to.length) > DIGITS_MAX || decimals(old) !== decimals(text)) return;
    const begun = performance.now();
    const step = (now) => {
      if (!node.isConnected || (node.textContent !== text && node.dataset.counting !== node.textContent)) return; // swapped again meanwhile
      const part = Math.min((now - begun) / COUNT_MS, 1);
      if (part >= 1) { node.textContent = text; delete node.dataset.counting; return; }
      const value = Math.round(Number(from) + (Number(to) - Number(from)) * (1 - (1 - part) ** 3));
      const digits = [...String(value).padStart(to.length, "0").slice(-to.length)];
      node.textContent = text.replace(/\d/g, () => digits.shift());
      node.dataset.counting = node.textContent;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  };
  const mark = (node, name) => {
    node.classList.add(name);
    setTimeout(() => node.classList.remove(name), 2800);
  };
})();
