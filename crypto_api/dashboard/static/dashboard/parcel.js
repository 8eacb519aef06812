// Private keys and passwords of keystores are sealed here, to the key of the signer, before the form leaves the page: a compact JWE (RFC 7516) by
// ECDH-ES on P-256 with A256GCM (RFC 7518). The fields that a person types into have no name, so the browser itself never sends them.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  const form = document.querySelector("[data-seal-kid]");
  if (!form) return;
  const encoder = new TextEncoder();
  const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const INFO = [0, 0, 0, 7, ...encoder.encode("A256GCM"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]; // RFC 7518, 4.6.2: algorithm, no parties, 256 bits

  const seal = async (secret, { sealKid: kid, sealX: x, sealY: y }) => {
    const curve = { name: "ECDH", namedCurve: "P-256" };
    const theirs = await crypto.subtle.importKey("jwk", { kty: "EC", crv: "P-256", x, y }, curve, false, []);
    const own = await crypto.subtle.generateKey(curve, false, ["deriveBits"]);
    const epk = await crypto.subtle.exportKey("jwk", own.publicKey);
    const told = { alg: "ECDH-ES", enc: "A256GCM", kid, epk: { kty: "EC", crv: "P-256", x: epk.x, y: epk.y } };
    const header = base64url(encoder.encode(JSON.stringify(told)));
    const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, own.privateKey, 256));
    const agreed = await crypto.subtle.digest("SHA-256", Uint8Array.from([0, 0, 0, 1, ...shared, ...INFO])); // one round of the Concat KDF
    const key = await crypto.subtle.importKey("raw", agreed, "AES-GCM", false, ["encrypt"]);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const how = { name: "AES-GCM", iv, additionalData: encoder.encode(header), tagLength: 128 };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(how, key, encoder.encode(JSON.stringify(secret))));
    return [header, "", base64url(iv), base64url(sealed.slice(0, -16)), base64url(sealed.slice(-16))].join(".");
  };

  const problem = (text) => {
    const box = form.querySelector("[data-seal-problem]");
    box.hidden = !text;
    box.textContent = text;
    if (text) box.focus();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem("");
    const fields = [...form.querySelectorAll("[data-secret]")].filter((field) => field.value && !field.closest("[hidden]"));
    if (fields.length && !form.dataset.sealKid) return problem(say("no_signer"));
    if (fields.length && !window.crypto?.subtle) return problem(say("insecure"));
    try {
      for (const field of fields) {
        const typed = field.dataset.trim === undefined ? field.value : field.value.trim();
        form.querySelector(`input[type=hidden][name=${field.dataset.secret}]`).value = await seal(typed, form.dataset);
      }
    } catch (error) {
      console.warn(error.name);
      return problem(say("not_sealed"));
    }
    for (const field of form.querySelectorAll("[data-secret]")) field.value = "";
    form.submit();
  });

  // A keystore is a file: it can be chosen instead of pasted.
  const file = form.querySelector("[data-keystore-file]");
  file?.addEventListener("change", async () => {
    if (file.files[0] && file.files[0].size < 8192) form.elements.keystore.value = await file.files[0].text();
  });
})();
