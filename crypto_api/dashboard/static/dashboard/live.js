// The page's line to the event log. Frames become DOM events on the body: `coffer:<kind>` with dots and underscores as dashes, and one for
// the subject alone (`coffer:transaction`, `coffer:journal-entry`). A burst becomes one event at once and one when it has calmed down.
(() => {
  "use strict";
  const say = wordsOf(document.currentScript);
  if (!document.body.dataset.liveUrl) return; // a page outside every organisation
  const THROTTLE_MS = 350;
  const POLL_MS = 15000;
  const STATE_REFRESH_MS = 20000;
  const BACKOFF_MS = [400, 800, 1500, 3000, 6000, 12000];
  const CLOSE_UNKNOWN = 4401;
  const CLOSE_REFUSED = 4403;

  const indicator = document.querySelector("[data-live]");
  const url = new URL(document.body.dataset.liveUrl, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";

  const followsState = "liveState" in document.body.dataset;

  let socket = null;
  let last = Number(document.body.dataset.liveAfter); // the number that this page stands at
  let failures = 0;
  let heartbeat = 20;
  let silence = 0;
  let poll = 0;
  let retry = 0;
  let refreshed = performance.now();
  let closing = false;
  let greeting = false;
  let asked = false; // again, for what is missing
  const waiting = new Map(); // topic → whether another event came while it was held back
  const missed = new Set(); // topics that came while nobody was looking

  const show = (state) => {
    indicator.dataset.state = state === "refused" ? "offline" : state;
    indicator.querySelector("[data-live-text]").textContent = say(state);
  };

  const emit = (topic, detail) => document.body.dispatchEvent(new CustomEvent(`coffer:${topic}`, { detail }));
  const announce = (topic, detail) => {
    if (document.hidden) { missed.add(topic); return; }
    if (waiting.has(topic)) { waiting.set(topic, detail); return; }
    emit(topic, detail);
    waiting.set(topic, null);
    setTimeout(() => {
      const again = waiting.get(topic);
      waiting.delete(topic);
      if (again) announce(topic, again);
    }, THROTTLE_MS);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    const topics = [...missed];
    missed.clear();
    for (const topic of topics) announce(topic, {});
    if (!socket) connect();
  });

  const dashed = (text) => text.replace(/[._]/g, "-");
  const take = (frame) => {
    if (typeof frame.prev !== "number" || frame.seq <= last) return; // no event, or seen already
    if (frame.prev > last) { // something in between did not arrive
      if (!asked) socket.send(JSON.stringify({ type: "resume", after: last }));
      asked = true;
      return;
    }
    asked = false;
    last = frame.seq;
    announce(dashed(frame.type), frame);
    announce(dashed(frame.type.split(".")[0]), frame);
  };

  const receive = (text) => {
    listen();
    const frame = JSON.parse(text);
    if (frame.type === "hello") {
      heartbeat = frame.data.heartbeat ?? heartbeat;
      greeting = true;
      if (failures > 0) announce("refresh", {});
      failures = 0;
      clearInterval(poll);
      poll = 0;
      show("live");
    } else if (frame.type === "snapshot") {
      if (greeting) { greeting = false; return; } // every connection begins with one; the page holds that state already
      asked = false;
      last = frame.seq;
      if (followsState) { told(frame); return; }
      announce("refresh", {}); // too far behind, or the log is another one: the page reads everything afresh
    } else if (frame.type === "ping") {
      socket.send(JSON.stringify({ type: "pong", id: frame.id ?? frame.data?.id }));
    } else {
      take(frame);
    }
  };

  // A console of which each frame is the whole state: the page reads its part again, and now and then what does not hang on it, such as the bell.
  const told = (frame) => {
    announce("state", frame);
    if (performance.now() - refreshed < STATE_REFRESH_MS) return;
    refreshed = performance.now();
    announce("refresh", {});
  };

  // A line on which nothing has come for three heartbeats is dead, whatever the browser thinks.
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => socket?.close(), heartbeat * 3000);
  };

  const connect = () => {
    clearTimeout(retry);
    if (closing || socket) return;
    url.searchParams.set("after", last); // what happened since the page was made, or since the line broke, comes before anything live
    asked = false;
    socket = new WebSocket(url);
    listen();
    socket.addEventListener("message", (event) => receive(event.data));
    socket.addEventListener("close", (event) => lost(event.code));
  };

  const lost = (code) => {
    clearTimeout(silence);
    socket = null;
    if (closing) return;
    if (code === CLOSE_UNKNOWN) { location.reload(); return; } // the session has ended: the server sends on to the log-in
    if (code === CLOSE_REFUSED) { show("refused"); startPolling(); return; }
    failures += 1;
    show(failures > 3 ? "offline" : "reconnecting");
    if (failures > 3) startPolling();
    const pause = BACKOFF_MS[Math.min(failures - 1, BACKOFF_MS.length - 1)];
    retry = setTimeout(connect, pause * (0.75 + Math.random() / 2));
  };

  const startPolling = () => { poll ||= setInterval(() => announce("refresh", {}), POLL_MS); };

  addEventListener("pagehide", () => { closing = true; socket?.close(); });
  addEventListener("online", () => { if (!socket) connect(); });
  show("connecting");
  connect();
})();
