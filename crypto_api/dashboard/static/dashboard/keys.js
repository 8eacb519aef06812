// Passkeys (WebAuthn) and Ethereum wallets (EIP-1193, found by EIP-6963), on the pages that let somebody in, confirm, add or link with them.
// The server decides everything; this only carries what it asks to the browser or wallet, and what they answer back.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  const find = (name) => document.querySelector(`[data-${name}]`);
  const ways = find("key-ways");
  if (ways) ways.hidden = false;

  class Refused extends Error {} // its message is for the person

  const problem = (text) => {
    const box = find("key-problem");
    box.hidden = !text;
    find("key-problem-text").textContent = text;
    if (text) box.focus();
  };
  const state = (text) => { find("key-state").textContent = text; };

  // Answers of the server: what was asked for; or `{problem, field?, wait_s?}`; or `{location}`, where to go on.
  const post = async (path, body) => {
    let answer;
    try {
      answer = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
        body: JSON.stringify(body),
      });
    } catch { throw new Refused(say("unanswered")); }
    const told = await answer.json().catch(() => ({ problem: say("stale") }));
    if (told.location) { location.assign(told.location); return new Promise(() => {}); }
    if (told.problem) throw new Refused(told.problem);
    return told;
  };

  // One thing at a time, with the button that began it held down.
  let busy = false;
  const run = async (button, work) => {
    if (busy) return;
    busy = true;
    problem("");
    button.setAttribute("aria-disabled", "true");
    try { await work(); } catch (error) {
      problem(error instanceof Refused ? error.message : say("failed"));
      if (!(error instanceof Refused)) console.warn(error);
    } finally {
      state("");
      button.removeAttribute("aria-disabled");
      busy = false;
    }
  };

  // ---- passkeys ----------------------------------------------------------------------------------------------------------------------
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const described = (rows) => (rows ?? []).map((row) => ({ ...row, id: bytes(row.id) }));

  const webauthn = async (ask) => {
    if (!window.PublicKeyCredential) throw new Refused(say("no_passkeys"));
    try { return await ask(); } catch (error) {
      if (error.name === "NotAllowedError" || error.name === "AbortError") throw new Refused(say("not_confirmed"));
      if (error.name === "InvalidStateError") throw new Refused(say("has_passkey"));
      if (error.name === "SecurityError") throw new Refused(say("other_name", { host: location.host }));
      if (error.name === "NotSupportedError" || error.name === "ConstraintError") throw new Refused(say("device_unable"));
      throw error;
    }
  };
  const common = (credential) => ({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
  const use = (options) => webauthn(async () => {
    state(say("asks_passkey"));
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: described(options.allowCredentials) };
    const credential = await navigator.credentials.get({ publicKey });
    const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
    const response = { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature) };
    return { ...common(credential), response: { ...response, userHandle: userHandle ? text(userHandle) : undefined } };
  });
  const make = (options) => webauthn(async () => {
    state(say("asks_where"));
    const user = { ...options.user, id: bytes(options.user.id) };
    const publicKey = { ...options, user, challenge: bytes(options.challenge), excludeCredentials: described(options.excludeCredentials) };
    const credential = await navigator.credentials.create({ publicKey });
    const { attestationObject, clientDataJSON } = credential.response;
    const transports = credential.response.getTransports?.() ?? [];
    return { ...common(credential), response: { attestationObject: text(attestationObject), clientDataJSON: text(clientDataJSON), transports } };
  });

  const possible = (button) => { if (button.dataset.impossible) throw new Refused(button.dataset.impossible); };
  find("passkey-log-in")?.addEventListener("click", (event) => run(event.currentTarget, async () => {
    possible(event.target.closest("button"));
    const credential = await use(await post("/login/passkey/options/", {}));
    state(say("logging_in"));
    await post("/login/passkey/", { credential, next: ways.dataset.next });
  }));
  find("passkey-confirm")?.addEventListener("click", (event) => run(event.currentTarget, async () => {
    possible(event.target.closest("button"));
    const { next, purpose } = ways.dataset;
    const credential = await use(await post("/confirm/passkey/options/", { purpose, next }));
    await post("/confirm/passkey/", { credential, purpose, next });
  }));
  find("passkey-add")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    run(form.querySelector("[type=submit]"), async () => {
      const name = form.elements.name.value.trim();
      if (!name) { form.elements.name.focus(); throw new Refused(say("name_first")); }
      const credential = await make(await post("/security/passkeys/options/", { name }));
      await post("/security/passkeys/", { credential, name });
    });
  });

  // ---- Ethereum ----------------------------------------------------------------------------------------------------------------------
  const wallets = new Map(); // EIP-6963: uuid → {info, provider}
  addEventListener("eip6963:announceProvider", (event) => wallets.set(event.detail.info.uuid, event.detail));
  dispatchEvent(new Event("eip6963:requestProvider"));

  const chosen = async () => {
    dispatchEvent(new Event("eip6963:requestProvider"));
    const found = [...wallets.values()];
    if (found.length === 1) return found[0].provider;
    if (found.length === 0) {
      if (window.ethereum) return window.ethereum;
      throw new Refused(say("no_wallet"));
    }
    return new Promise((resolve) => {
      const list = find("wallet-list");
      list.replaceChildren(...found.map(({ info, provider }) => {
        const button = Object.assign(document.createElement("button"), { type: "button", className: "btn w-100" });
        if (info.icon?.startsWith("data:image/")) button.append(Object.assign(new Image(20, 20), { src: info.icon, alt: "" }));
        button.append(Object.assign(document.createElement("span"), { textContent: String(info.name).slice(0, 60) }));
        button.addEventListener("click", () => { find("wallet-choice").hidden = true; resolve(provider); });
        const item = document.createElement("li");
        item.append(button);
        return item;
      }));
      find("wallet-choice").hidden = false;
      list.querySelector("button").focus();
    });
  };
  const asked = async (provider, method, params) => {
    try { return await provider.request({ method, params }); } catch (error) {
      if (error?.code === 4001) throw new Refused(say("refused"));
      if (error?.code === -32002) throw new Refused(say("asking_already"));
      if (error?.code === 4100 || error?.code === 4900 || error?.code === 4901) throw new Refused(say("locked"));
      throw new Refused(say("unable"));
    }
  };
  const hex = (message) => "0x" + [...new TextEncoder().encode(message)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const signed = async (challenge_path) => {
    const provider = await chosen();
    state(say("which_account"));
    const [address] = await asked(provider, "eth_requestAccounts");
    if (!address) throw new Refused(say("no_account"));
    const chain_id = Number(await asked(provider, "eth_chainId"));
    const challenge = await post(challenge_path, { address, chain_id });
    state(say("text_to_sign"));
    const signature = await asked(provider, "personal_sign", [hex(challenge.message), address]);
    return { message: challenge.message, signature, chain_id };
  };

  find("ethereum-log-in")?.addEventListener("click", (event) => run(event.currentTarget, async () => {
    const shown = await signed("/login/ethereum/challenge/");
    state(say("logging_in"));
    await post("/login/ethereum/", { ...shown, next: ways.dataset.next });
  }));
  find("ethereum-link")?.addEventListener("submit", (event) => {
    event.preventDefault();
    run(event.currentTarget.querySelector("[type=submit]"), async () => {
      await post("/security/ethereum/", await signed("/security/ethereum/challenge/"));
    });
  });
})();
