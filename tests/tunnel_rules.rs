//! Tunnels that are not opened, or that carry nothing any more: refusals.

use serde_json::{Value, json};

use crate::helper::{Fixture, PortServer, Sshd, closed_port, eventually_so, exchange};

async fn refusal(fixture: &Fixture, arguments: Value, code: &str) -> Value {
    let mut given = json!({"alias": "web1"});
    let given_fields = given.as_object_mut().unwrap();
    given_fields.extend(arguments.as_object().unwrap().clone());
    fixture.client.call("tunnel_open", given).await.error(code)
}

#[tokio::test]
async fn a_far_end_that_cannot_be_reached_is_said_at_once() {
    let fixture = Fixture::start().await;
    let to = format!("127.0.0.1:{}", closed_port());
    let error = refusal(&fixture, json!({"to": to}), "TUNNEL_FAILED").await;
    assert_eq!(error["details"]["to"], to);
    let error = refusal(&fixture, json!({"to": "/none.sock"}), "TUNNEL_FAILED").await;
    assert_eq!(error["details"]["to"], "/none.sock");
    let remote = json!({"to": closed_port(), "direction": "remote"});
    let error = refusal(&fixture, remote, "TUNNEL_FAILED").await;
    assert!(error.to_string().contains("ECONNREFUSED"), "{error}");
    let server = PortServer::echo().await;
    let taken = json!({"to": server.place(), "listen": server.port});
    let error = refusal(&fixture, taken, "INVALID_ARGUMENT").await;
    assert_eq!(error["details"]["parameter"], "listen");
    for (arguments, parameter) in [
        (json!({}), "to"),
        (json!({"to": "db"}), "to"),
        (json!({"to": "db:1", "listen": "0.0.0.0:80"}), "listen"),
        (json!({"to": "db:1", "direction": "remote"}), "to"),
        (json!({"to": "db:1", "direction": "socks"}), "to"),
        (json!({"to": "db:1", "ttl": 0}), "ttl"),
    ] {
        let error = refusal(&fixture, arguments, "INVALID_ARGUMENT").await;
        assert_eq!(error["details"]["parameter"], parameter, "{error}");
    }
    let list = fixture.client.call("tunnel_list", json!({})).await.ok();
    assert_eq!(list.facts()["tunnels"], json!([]));
}

#[tokio::test]
async fn a_server_that_does_not_forward_is_said() {
    let fixture = Fixture::with(Sshd::start_with("AllowTcpForwarding no")).await;
    let server = PortServer::echo().await;
    let error = refusal(&fixture, json!({"to": server.place()}), "TUNNEL_FAILED").await;
    let reason = error["details"]["reason"].as_str().unwrap();
    assert!(reason.contains("does not forward"), "{error}");
    let remote = json!({"to": server.port, "direction": "remote"});
    let error = refusal(&fixture, remote, "CONNECTION_FAILED").await;
    assert!(error.to_string().contains("does not listen"), "{error}");
}

#[tokio::test]
async fn the_policy_bounds_the_places_and_no_metadata_service_is_among_them() {
    let fixture = Fixture::start().await;
    let server = PortServer::echo().await;
    for to in [
        "169.254.169.254:80",
        "0xa9fea9fe:80",
        "[::ffff:169.254.169.254]:80",
    ] {
        let error = refusal(&fixture, json!({"to": to}), "POLICY_BLOCKED").await;
        assert!(error.to_string().contains("credentials"), "{error}");
    }
    let rules = |rules: Value| {
        let path = fixture.stored("policies.json");
        std::fs::write(path, json!({"tunnels": rules}).to_string()).unwrap();
    };
    rules(json!(["127.0.0.1:*", format!("!*:{}", server.port)]));
    let error = refusal(&fixture, json!({"to": server.place()}), "POLICY_BLOCKED").await;
    assert_eq!(error["details"]["rule"], format!("!*:{}", server.port));
    refusal(&fixture, json!({"to": "db.test:5432"}), "POLICY_BLOCKED").await;
    let remote = json!({"to": server.port, "direction": "remote"});
    refusal(&fixture, remote, "POLICY_BLOCKED").await;
    // Those that were read before still hold.
    rules(json!(["nonsense"]));
    refusal(&fixture, json!({"to": server.place()}), "POLICY_BLOCKED").await;
}

/// A rule that comes later holds for the next connection.
#[tokio::test]
async fn each_connection_is_judged_again() {
    let fixture = Fixture::start().await;
    let server = PortServer::echo().await;
    let open = json!({"alias": "web1", "to": server.place()});
    let tunnel = fixture.client.call("tunnel_open", open).await.ok();
    let place = tunnel.facts()["listen"].as_str().unwrap();
    assert_eq!(exchange(place, b"x").await.unwrap(), b"x");
    fixture.edit("servers.json", |servers| {
        servers["web1"]["readonly"] = true.into();
    });
    assert_ne!(exchange(place, b"x").await.unwrap_or_default(), b"x");
    eventually_so("it is said", async || {
        let list = fixture.client.call("tunnel_list", json!({})).await.ok();
        let tunnel = &list.facts()["tunnels"][0];
        let problem = tunnel["problem"].as_str().unwrap_or_default();
        problem.contains("is read-only")
    })
    .await;
}
