// Runs in the browser, on the page at /docs. The style sheet and the bundle are those of swagger-ui-dist.
'use strict';

window.SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#pages',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // Else the document would be sent to a validator on the internet.
  validatorUrl: null,
});
