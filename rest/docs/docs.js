"use strict";

// Each form of the Authorize dialog takes the focus as it appears, so that the dialog opens scrolled down to the last of them: give it to
// the first, the access token's.
let authorizing = null;
new MutationObserver(() => {
  const dialog = document.querySelector(".modal-ux-content");
  if (dialog && dialog !== authorizing) {
    dialog.querySelector("input")?.focus();
    dialog.scrollTop = 0;
  }
  authorizing = dialog;
}).observe(document.getElementById("docs"), { childList: true, subtree: true });

SwaggerUIBundle({
  dom_id: "#docs",
  url: "openapi.json",
  validatorUrl: null, // nothing leaves for swagger.io
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // Requests go to the server that this page is from, under whatever name it was reached.
  requestInterceptor(request) {
    const url = new URL(request.url, location);
    request.url = location.origin + url.pathname + url.search;
    return request;
  },
});
