//! Declarations of tools: access class and toolset stand at each tool's method.
//!
//! rmcp's macros write paths that begin with `rmcp::`. A family imports this module under that name, so
//! that the builder below is the one that they find: it is a whole tool only with
//! `meta = declare(…)`, and a tool without does not compile.

use serde_json::{Map, Value};

use crate::guard::Access;

pub(super) use ::rmcp::{tool, tool_router};

/// A family of tools, as people look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Toolset {
    /// Servers and their host keys.
    Servers,
    /// Commands.
    Commands,
    /// Files.
    Files,
    /// What servers say of themselves.
    Monitoring,
    /// The queue.
    Tasks,
    /// HTTP APIs.
    Apis,
    /// The command policy.
    Policy,
    /// This program itself.
    Diagnostics,
}

/// Whether a call with these arguments does more than look.
type Changes = fn(&Map<String, Value>) -> bool;

/// What a tool says of itself besides its texts and its schema.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// What it may do at most.
    pub access: Access,
    /// Where it belongs.
    pub toolset: Toolset,
    changes: Option<Changes>,
}

/// Declares a tool.
pub(super) fn declare(access: Access, toolset: Toolset) -> Declaration {
    Declaration {
        access,
        toolset,
        changes: None,
    }
}

impl Declaration {
    /// Says which calls change something; the others ask a server at most.
    pub(super) fn only_if(self, changes: Changes) -> Self {
        Self {
            changes: Some(changes),
            ..self
        }
    }

    /// What a call with these arguments may do.
    pub fn access_of(&self, arguments: Option<&Map<String, Value>>) -> Access {
        match self.changes {
            Some(changes) if !arguments.is_some_and(changes) => Access::ReadsServer,
            _ => self.access,
        }
    }
}

pub(super) mod model {
    use std::borrow::Cow;
    use std::sync::Arc;

    use ::rmcp::model::JsonObject;

    use super::Declaration;

    /// A tool, with a [`Declaration`] once it is whole.
    pub struct Tool<D = Declaration> {
        pub(super) tool: ::rmcp::model::Tool,
        pub(super) declaration: D,
    }

    impl Tool<()> {
        pub fn new_with_raw(
            name: impl Into<Cow<'static, str>>,
            description: Option<Cow<'static, str>>,
            input_schema: impl Into<Arc<JsonObject>>,
        ) -> Self {
            Self {
                tool: ::rmcp::model::Tool::new_with_raw(name, description, input_schema),
                declaration: (),
            }
        }

        pub fn with_title(mut self, title: &str) -> Self {
            self.tool.title = Some(title.to_owned());
            self
        }

        pub fn with_meta(self, declaration: Declaration) -> Tool {
            Tool {
                tool: self.tool.with_annotations(declaration.access.annotations()),
                declaration,
            }
        }
    }
}

pub(super) mod handler {
    pub mod server {
        pub mod common {
            pub use ::rmcp::handler::server::common::schema_for_input;
        }

        pub mod router {
            pub mod tool {
                use std::collections::HashMap;

                use ::rmcp::handler::server::router::tool::IntoToolRoute;
                use ::rmcp::model::Tool as PlainTool;

                use super::super::super::super::{Declaration, model::Tool};
                use crate::app::App;

                /// Tools by name, each with its declaration.
                pub struct ToolRouter<S> {
                    pub(in crate::tools) router:
                        ::rmcp::handler::server::router::tool::ToolRouter<S>,
                    pub(in crate::tools) declared: HashMap<String, Declaration>,
                }

                impl ToolRouter<App> {
                    pub fn new() -> Self {
                        Self {
                            router: ::rmcp::handler::server::router::tool::ToolRouter::new(),
                            declared: HashMap::new(),
                        }
                    }

                    pub fn with_route<A, H>(mut self, (tool, handler): (Tool, H)) -> Self
                    where
                        (PlainTool, H): IntoToolRoute<App, A>,
                    {
                        let name = tool.tool.name.to_string();
                        self.declared.insert(name, tool.declaration);
                        self.router = self.router.with_route((tool.tool, handler));
                        self
                    }
                }
            }
        }
    }
}
