//! What the API is, in OpenAPI's words: `api/openapi.json`, served as it is.
//!
//! The file is written by hand: boxes share the messages with the hub, and need nothing that writes descriptions. That it agrees with the program is
//! tested: here, by the routes and the golden messages; and by `tests/e2e`, where schemathesis asks a hub whatever the description permits, and what it does not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

const TEXT: &str = include_str!("../../api/openapi.json");
/// The words of OpenAPI that are methods, and used here.
const METHODS: [(&str, Method); 4] =
    [("get", Method::GET), ("head", Method::HEAD), ("patch", Method::PATCH), ("post", Method::POST)];

/// The methods of each path that is described.
static DESCRIBED: LazyLock<BTreeMap<String, Vec<Method>>> = LazyLock::new(|| {
    let description: Value = serde_json::from_str(TEXT).unwrap_or_default();
    let paths = description.get("paths").and_then(Value::as_object);
    let methods = |item: &Value| {
        let known = METHODS.into_iter().filter(|(word, _)| item.get(word).is_some());
        known.map(|(_, method)| method).collect()
    };
    paths.into_iter().flatten().map(|(path, item)| (path.clone(), methods(item))).collect()
});

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/openapi.json", web::get().to(describe));
}

async fn describe() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(TEXT)
}

/// The answer to a request by a method that its path does not have; `None` where it has it, or where nothing is described.
pub(super) fn refuse_method(request: &HttpRequest) -> Option<HttpResponse> {
    let methods = find(request.path())?;
    // Pages are asked by HEAD as by GET; of the API, nothing would answer that.
    let is_page = !request.path().starts_with("/api/");
    let has = methods.contains(request.method())
        || (is_page && *request.method() == Method::HEAD && methods.contains(&Method::GET));
    if has {
        return None;
    }
    let allowed: Vec<&str> = methods.iter().map(Method::as_str).collect();
    Some(HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allowed.join(", "))).finish())
}

/// The methods of the described path that this one is an example of.
fn find(path: &str) -> Option<&'static Vec<Method>> {
    DESCRIBED.iter().find(|(described, _)| is_example(described, path)).map(|(_, methods)| methods)
}

fn is_example(described: &str, path: &str) -> bool {
    let (mut described, mut path) = (described.split('/'), path.split('/'));
    loop {
        match (described.next(), path.next()) {
            (None, None) => return true,
            (Some(named), Some(part)) if named.starts_with('{') && !part.is_empty() => {}
            (Some(word), Some(part)) if word == part => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn description() -> Value {
        serde_json::from_str(TEXT).unwrap()
    }

    /// What the sources of this folder route, as `post /api/v1/log`.
    fn routed() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server");
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            for route in text.split(".route(\"").skip(1).filter(|route| route.starts_with("/api/")) {
                let (path, rest) = route.split_once('"').unwrap();
                let method = rest.trim_start_matches([',', ' ', '\n']).strip_prefix("web::").unwrap();
                let method = method.split('(').next().unwrap();
                let method = if method == "method" { "patch" } else { method };
                found.insert(format!("{method} {path}"));
            }
        }
        found
    }

    #[test]
    fn what_is_described_is_what_is_routed() {
        let mut described = BTreeSet::new();
        for (path, methods) in DESCRIBED.iter().filter(|(path, _)| path.starts_with("/api/")) {
            described
                .extend(methods.iter().map(|method| format!("{} {path}", method.as_str().to_lowercase())));
        }
        assert!(described.len() >= 15, "{described:?}");
        assert_eq!(described, routed(), "api/openapi.json and the routes of src/server");
    }

    #[test]
    fn a_path_is_found_by_its_parts() {
        assert_eq!(find("/api/v1/log"), Some(&vec![Method::GET, Method::POST]));
        assert_eq!(find("/api/v1/files/abc"), Some(&vec![Method::HEAD, Method::PATCH]));
        assert_eq!(find("/api/v1/urgent"), Some(&vec![Method::GET]));
        assert_eq!(find("/api/v1/requests"), Some(&vec![Method::POST]));
        assert_eq!(find("/lists/blacklists.tar.gz"), Some(&vec![Method::GET, Method::HEAD]));
        for none in ["/api/v1/files/", "/api/v1/files/a/b", "/api/v1", "/", ""] {
            assert_eq!(find(none), None, "{none}");
        }
    }

    /// Whether a value has a type that a schema permits.
    fn is_of(value: &Value, schema: &Value) -> bool {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return is_message(name.rsplit('/').next().unwrap(), value);
        }
        let types = &schema["type"];
        let types = types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice);
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        types.iter().any(|name| name == found)
    }

    /// Whether a message has what its schema asks for, and nothing that it does not tell of.
    fn is_message(name: &str, message: &Value) -> bool {
        let description = description();
        let schema = &description["components"]["schemas"][name];
        let required = schema["required"].as_array().unwrap();
        let message = message.as_object().unwrap();
        required.iter().all(|field| message.contains_key(field.as_str().unwrap()))
            && message.iter().all(|(field, value)| {
                schema["properties"].get(field).is_some_and(|schema| is_of(value, schema))
            })
    }

    #[test]
    fn messages_are_as_they_are_described() {
        let golden = include_str!("../../../replication/testdata/messages-v1.jsonl");
        let names = [
            "Begin",
            "Begun",
            "Proof",
            "EnrolmentRequest",
            "Proved",
            "Enrolled",
            "LogState",
            "Growth",
            "Signed",
            "Kept",
            "Health",
            "Refusal",
            "SnapshotState",
            "SchoolRequests",
            "Tide",
            "WebState",
            "WebRequest",
        ];
        assert_eq!(golden.lines().count(), names.len(), "each message is described");
        for (line, name) in golden.lines().zip(names) {
            let message: Value = serde_json::from_str(line).unwrap();
            assert!(is_message(name, &message), "{name}: {line}");
            let longer = serde_json::json!({ "colour": "green" });
            assert!(!is_message(name, &longer), "{name}");
        }
    }

    #[test]
    fn refusals_are_described_by_their_names() {
        let description = description();
        let names = &description["components"]["schemas"]["Refusal"]["properties"]["refusal"]["enum"];
        for name in names.as_array().unwrap() {
            let text = format!("{{\"refusal\":{name}}}");
            assert!(replication::read_json::<replication::Refusal>(text.as_bytes()).is_some(), "{name}");
        }
    }
}
