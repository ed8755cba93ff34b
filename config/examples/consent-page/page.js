// Draws the form. Names come from applications, so they are only ever written as text.
import { decide, load, requestOf, signIn } from "./consent.js";

const issuer = document.querySelector('meta[name="issuer"]').content;
const request = requestOf(location.search);
const by = (id) => document.getElementById(id);
let token;

function complain(error) {
  by("problem").textContent = error.message;
  by("problem").focus();
}

function scopeLine(scope, granted) {
  const line = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.name = "scope";
  box.value = scope.name;
  box.checked = scope.permitted;
  box.disabled = !scope.permitted;
  const notes = [scope.sensitive && "sensitive", granted && "granted before", scope.reason];
  const text = [scope.group, scope.title, ...notes.filter(Boolean)].join(" · ");
  line.append(box, ` ${text}`);
  const row = document.createElement("p");
  row.append(line);
  return row;
}

async function show(user) {
  const data = await load(issuer, token, request);
  by("client").textContent = data.name;
  by("user").textContent = user.username;
  by("target").textContent = new URL(request.redirectUri).origin;
  by("scopes").replaceChildren(
    ...data.scopeDetails.map((scope) => scopeLine(scope, data.grantedScopes.includes(scope.name))),
  );
  by("sign-in").hidden = true;
  by("consent").hidden = false;
}

by("identifier").value = request.loginHint ?? "";
by("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const signedIn = await signIn(issuer, by("identifier").value, by("password").value);
    token = signedIn.jwt;
    await show(signedIn.user);
  } catch (error) {
    complain(error);
  }
});
by("consent").addEventListener("submit", async (event) => {
  event.preventDefault();
  const approve = event.submitter?.value === "allow";
  const ticked = [...document.querySelectorAll('input[name="scope"]:checked')].map((box) => box.value);
  try {
    location.replace(await decide(issuer, token, request, approve, ticked));
  } catch (error) {
    complain(error);
  }
});
