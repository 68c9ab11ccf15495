//! The time for which a client may keep a list, in the era of the protocol that has such hints.

use rmcp::RoleServer;
use rmcp::model::ProtocolVersion;
use rmcp::service::RequestContext;

/// The time in milliseconds for which a list that never changes in a session may be kept.
pub(super) const CONSTANT_MS: u64 = 60 * 60 * 1000;

/// The `ttlMs` of a list that never changes in a session. Lists without one are not kept.
pub(super) fn of_constant(context: &RequestContext<RoleServer>) -> Option<u64> {
    let version = context.protocol_version()?;
    (version >= ProtocolVersion::V_2026_07_28).then_some(CONSTANT_MS)
}
