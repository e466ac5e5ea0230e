// Swagger UI on /api/docs/. What is tried out there goes by the browser's session, with its token
// against forged requests. More than a hundred operations: it begins with their groups, and a box
// that finds a group, because those that are out of sight are not in the page for the browser to find.

const place = document.getElementById("swagger-ui");

function csrfToken() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1];
}

function followTheme() {
  const theme = document.documentElement.dataset.theme;
  const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark-mode", isDark);
}

document.addEventListener("themechange", followTheme);
followTheme();

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.schema,
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  defaultModelsExpandDepth: 0,
  requestInterceptor(request) {
    const token = csrfToken();
    if (token && new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = token;
    return request;
  },
});
