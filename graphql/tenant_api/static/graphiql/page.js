"use strict";

// What a front end's first page asks for.
const HOME = `# A tenant's home page. Run it with Ctrl-Enter; the token stands under Headers.
query Home {
  landlord { name }
  viewer {
    displayName
    contracts(first: 5) {
      nodes {
        reference
        status
        unit { typology address { line1 postalCode city } }
        parties { displayName role }
        accounts {
          kind
          balance { amount currency }
          dueNow { amount }
          asOf
          ledger(first: 20) {
            nodes { postedOn kind label amount { amount } runningBalance { amount } }
            pageInfo { endCursor hasNextPage }
          }
        }
        rentNotices(first: 3) {
          nodes { period dueOn total { amount } document { downloadUrl expiresAt } }
        }
      }
    }
  }
}
`;

// Starts GraphiQL on this address, with the query of `?query=` or a ready one; the token of `#token=` leaves the bar.
(() => {
  const asked = new URLSearchParams(window.location.search);
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (token) {
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
  }
  // GraphiQL keeps a history with headers: in memory only, so that no token stays in the browser.
  const kept = new Map();
  const storage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, String(value)),
    removeItem: (name) => void kept.delete(name),
    clear: () => kept.clear(),
    get length() {
      return kept.size;
    },
  };
  const options = {
    fetcher: GraphiQL.createFetcher({ url: window.location.pathname }),
    defaultEditorToolsVisibility: "headers",
    defaultQuery: HOME,
    shouldPersistHeaders: false,
    storage,
  };
  if (asked.get("query")) options.query = asked.get("query");
  if (asked.get("variables")) options.variables = asked.get("variables");
  if (token) options.headers = JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);
  ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(GraphiQL, options));
})();
