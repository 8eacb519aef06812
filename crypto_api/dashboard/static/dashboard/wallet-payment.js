// The person's own Ethereum wallet (EIP-1193, found by EIP-6963): it sends a payment, signs an approval (EIP-712), or signs whose a wallet is (EIP-191).
// What is sent or signed comes from the server each time; the hash or signature goes back there, and the server and the chain decide.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  class Refused extends Error {} // its message is for the person

  const find = (name) => document.querySelector(`[data-${name}]`);
  const wallets = new Map(); // EIP-6963: uuid → provider
  addEventListener("eip6963:announceProvider", (event) => wallets.set(event.detail.info.uuid, event.detail.provider));
  dispatchEvent(new Event("eip6963:requestProvider"));

  // The page fetches itself anew while the wallet is asked: what was said is said again in what comes.
  const said = { problem: "", state: "" };
  const show = () => {
    const box = find("wallet-problem");
    if (!box) return;
    box.hidden = !said.problem;
    find("wallet-problem-text").textContent = said.problem;
    find("wallet-state").textContent = said.state;
  };
  const problem = (text) => {
    said.problem = text;
    show();
    if (text) find("wallet-problem")?.focus();
  };
  const state = (text) => { said.state = text; show(); };
  document.addEventListener("htmx:after:swap", show);

  const ask = async (path, body) => {
    let answer;
    try {
      answer = await fetch(path, body && {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
        body: JSON.stringify(body),
      });
    } catch { throw new Refused(say("unanswered")); }
    const told = await answer.json().catch(() => ({ problem: say("stale") }));
    if (told.problem) throw new Refused(told.problem);
    return told;
  };

  // Every wallet that is there is asked for its accounts until one has the address; without an address, the first one.
  const asked = async (provider, method, params) => {
    try { return await provider.request({ method, params }); } catch (error) {
      if (error?.code === 4001) throw new Refused(say("refused"));
      if (error?.code === -32002) throw new Refused(say("asking_already"));
      if (error?.code === 4100 || error?.code === 4900 || error?.code === 4901) throw new Refused(say("locked"));
      throw new Refused(say("unable"));
    }
  };
  const opened = async (address) => {
    dispatchEvent(new Event("eip6963:requestProvider"));
    const found = wallets.size ? [...wallets.values()] : window.ethereum ? [window.ethereum] : [];
    if (!found.length) throw new Refused(say("no_wallet"));
    state(say("which_account"));
    for (const provider of found) {
      const accounts = await asked(provider, "eth_requestAccounts");
      const account = address ? accounts.find((one) => one.toLowerCase() === address.toLowerCase()) : accounts[0];
      if (account) return { provider, account };
    }
    throw new Refused(address ? say("other_account", { address }) : say("no_account"));
  };
  const onChain = async (provider, chainId) => {
    if (Number(await asked(provider, "eth_chainId")) === Number(chainId)) return;
    state(say("asks_network"));
    await asked(provider, "wallet_switchEthereumChain", [{ chainId }]);
    if (Number(await asked(provider, "eth_chainId")) !== Number(chainId)) throw new Refused(say("other_network"));
  };

  const send = async (button) => {
    const { transaction } = await ask(button.dataset.walletSend);
    const { provider, account } = await opened(transaction.from);
    await onChain(provider, transaction.chainId);
    state(say("shows_payment"));
    const hash = await asked(provider, "eth_sendTransaction", [{ ...transaction, from: account }]);
    state(say("sent", { hash }));
    let told;
    try { told = await ask(button.dataset.walletSent, { hash }); } catch (error) {
      throw new Refused(say("not_told", { hash, problem: error.message, label: say("sent_already") }));
    }
    location.assign(told.location);
  };

  const sign = async (button) => {
    const { typed_data: typed } = await ask(button.dataset.walletSign);
    const { provider, account } = await opened("");
    await onChain(provider, `0x${Number(typed.domain.chainId).toString(16)}`);
    state(say("shows_approval"));
    const signature = await asked(provider, "eth_signTypedData_v4", [account, JSON.stringify(typed)]);
    const form = find("wallet-sign")?.closest("form"); // as it is now
    if (!form) throw new Refused(say("changed"));
    form.elements.signature.value = signature;
    form.submit();
  };

  const hex = (message) => "0x" + [...new TextEncoder().encode(message)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const prove = async (button) => {
    const { form } = button;
    const { provider, account } = await opened(button.dataset.walletProve);
    state(say("shows_text"));
    form.elements.signature.value = await asked(provider, "personal_sign", [hex(find("wallet-text").textContent), account]);
    form.requestSubmit();
  };

  let busy = false; // one thing at a time
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-wallet-send], [data-wallet-sign], [data-wallet-prove]");
    if (!button) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    problem("");
    try { await (button.dataset.walletSend ? send(button) : button.dataset.walletProve ? prove(button) : sign(button)); } catch (error) {
      state("");
      problem(error instanceof Refused ? error.message : say("failed"));
      if (!(error instanceof Refused)) throw error;
    } finally { busy = false; }
  });
})();
