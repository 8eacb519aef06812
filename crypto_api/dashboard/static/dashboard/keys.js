// Passkeys (WebAuthn) and Ethereum wallets (EIP-1193, found by EIP-6963), on the pages that let somebody in, confirm, add or link with them.
// The server decides everything; this only carries what it asks to the browser or wallet, and what they answer back.
(() => {
  "use strict";
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
    } catch { throw new Refused("The server did not answer. Check the connection and try again."); }
    const told = await answer.json().catch(() => ({ problem: "This page was open for too long. Load it again and repeat what you did." }));
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
      problem(error instanceof Refused ? error.message : "That did not work. Try it again.");
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
    if (!window.PublicKeyCredential) throw new Refused("This browser has no passkeys, or not on a page without https.");
    try { return await ask(); } catch (error) {
      if (error.name === "NotAllowedError" || error.name === "AbortError") throw new Refused("Nothing was confirmed: it was cancelled, or took too long.");
      if (error.name === "InvalidStateError") throw new Refused("This device has a passkey for your account already.");
      if (error.name === "SecurityError") throw new Refused(`Passkeys belong to the name under which Coffer runs, and do not work at ${location.host}.`);
      if (error.name === "NotSupportedError" || error.name === "ConstraintError") throw new Refused("This device cannot keep or use such a passkey.");
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
    state("Your browser asks for the passkey.");
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: described(options.allowCredentials) };
    const credential = await navigator.credentials.get({ publicKey });
    const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
    const response = { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature) };
    return { ...common(credential), response: { ...response, userHandle: userHandle ? text(userHandle) : undefined } };
  });
  const make = (options) => webauthn(async () => {
    state("Your browser asks where to keep the passkey.");
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
    state("Logging in.");
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
      if (!name) { form.elements.name.focus(); throw new Refused("Give the passkey a name first."); }
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
      throw new Refused("No Ethereum wallet was found in this browser. Install one, such as MetaMask, or unlock it, and load the page again.");
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
      if (error?.code === 4001) throw new Refused("You refused in your wallet, so nothing happened.");
      if (error?.code === -32002) throw new Refused("Your wallet is asking already. Open it and answer there.");
      if (error?.code === 4100 || error?.code === 4900 || error?.code === 4901) throw new Refused("Your wallet is locked or not connected. Unlock it and try again.");
      throw new Refused("Your wallet could not do that. Open it, see what it says, and try again.");
    }
  };
  const hex = (message) => "0x" + [...new TextEncoder().encode(message)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const signed = async (challenge_path) => {
    const provider = await chosen();
    state("Your wallet asks which account.");
    const [address] = await asked(provider, "eth_requestAccounts");
    if (!address) throw new Refused("Your wallet gave no account.");
    const chain_id = Number(await asked(provider, "eth_chainId"));
    const challenge = await post(challenge_path, { address, chain_id });
    state("Your wallet shows a text to sign.");
    const signature = await asked(provider, "personal_sign", [hex(challenge.message), address]);
    return { message: challenge.message, signature, chain_id };
  };

  find("ethereum-log-in")?.addEventListener("click", (event) => run(event.currentTarget, async () => {
    const shown = await signed("/login/ethereum/challenge/");
    state("Logging in.");
    await post("/login/ethereum/", { ...shown, next: ways.dataset.next });
  }));
  find("ethereum-link")?.addEventListener("submit", (event) => {
    event.preventDefault();
    run(event.currentTarget.querySelector("[type=submit]"), async () => {
      await post("/security/ethereum/", await signed("/security/ethereum/challenge/"));
    });
  });
})();
