"use strict";
// Starts Swagger UI on our document. Without initOAuth it would send no code_challenge, and this server
// refuses public clients without one.
(() => {
  const place = document.getElementById("swagger-ui");
  const ui = SwaggerUIBundle({
    domNode: place,
    url: "openapi.json",
    oauth2RedirectUrl: place.dataset.receiver,
    deepLinking: true,
    persistAuthorization: true,
    // No outside validator: this page makes no request to anybody else.
    validatorUrl: null,
  });
  ui.initOAuth({
    clientId: "swagger-ui",
    appName: "Grantwood API documentation",
    usePkceWithAuthorizationCodeGrant: true,
  });
})();
