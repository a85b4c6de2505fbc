"use strict";

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
