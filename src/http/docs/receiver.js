"use strict";
// Takes the answer of the authorization endpoint and hands it to the page that opened this window. The page
// waits with an object of its own, window.swaggerUIRedirectOauth2.
(() => {
  const status = document.getElementById("receiver");
  const answer = new URLSearchParams(location.search);
  // The code must not stay in the history.
  history.replaceState(null, "", location.pathname);

  let waiting = null;
  try {
    waiting = window.opener && window.opener.swaggerUIRedirectOauth2;
  } catch (_) {
    // The opener is of another origin: not our page.
  }
  if (!waiting) {
    status.textContent = "No API documentation is waiting for this answer. Open it and choose Authorize.";
    return;
  }

  const fail = (message) => {
    waiting.errCb({ authId: waiting.auth.name, source: "auth", level: "error", message });
    window.close();
  };
  // Unlike the original, a wrong state ends here: the code may be another person's (RFC 6749 §10.12).
  if (!waiting.state || answer.get("state") !== waiting.state) {
    return fail("The answer does not belong to this request: its state differs.");
  }
  // RFC 9207 §2.4: an answer of another server is not for us.
  if (answer.get("iss") !== status.dataset.issuer) {
    return fail("The answer comes from another authorization server: its iss differs.");
  }
  if (answer.has("error")) {
    return fail(answer.get("error") + ": " + (answer.get("error_description") || "no description"));
  }
  if (!answer.get("code")) {
    return fail("The answer has neither a code nor an error.");
  }
  delete waiting.state;
  waiting.auth.code = answer.get("code");
  waiting.callback({ auth: waiting.auth, redirectUrl: waiting.redirectUrl });
  window.close();
})();
