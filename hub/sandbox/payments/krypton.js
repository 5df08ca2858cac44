(function () {
  "use strict";
  var script = document.currentScript;
  var origin = new URL(script.src).origin;
  function setting(element, name) {
    return element.getAttribute(name) || script.getAttribute(name) || "";
  }
  function comeBack(url, fields) {
    var form = document.createElement("form");
    form.method = "post";
    form.action = url;
    Object.keys(fields).forEach(function (name) {
      var input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = fields[name];
      form.appendChild(input);
    });
    document.body.appendChild(form);
    form.submit();
  }
  function draw(element) {
    var said = document.createElement("p");
    said.setAttribute("role", "status");
    said.className = "kr-form-error";
    [["pay", "Payer"], ["refuse", "Carte refusée"]].forEach(function (choice) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "kr-payment-button";
      button.textContent = choice[1];
      button.addEventListener("click", function () {
        fetch(origin + "/static/js/krypton-client/pay", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            formToken: setting(element, "kr-form-token"),
            publicKey: setting(element, "kr-public-key"),
            how: choice[0]
          })
        }).then(function (answer) {
          return answer.json();
        }).then(function (fields) {
          if (fields.error) {
            said.textContent = fields.error;
          } else if (choice[0] === "refuse") {
            said.textContent = "Votre banque a refusé cette carte.";
          } else {
            comeBack(setting(element, "kr-post-url-success"), fields);
          }
        });
      });
      element.appendChild(button);
    });
    element.appendChild(said);
  }
  function start() {
    document.querySelectorAll(".kr-embedded").forEach(draw);
  }
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
