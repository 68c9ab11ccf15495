//! Declarations of tools: the access class and the toolset, given at each tool's method.
//!
//! rmcp's macros write paths that begin with `rmcp::`. A family imports this module under that name, so
//! that the macros use the builder below. It gives a tool only after `meta = declare(…)`: a tool
//! without a declaration does not compile.

use serde_json::{Map, Value};

use crate::config::Config;
use crate::guard::Access;

pub(super) use ::rmcp::{tool, tool_router};

pub(super) use crate::config::Toolset;

/// Returns true if a call with these arguments does more than read.
type ChangesSomething = fn(&Map<String, Value>) -> bool;

/// A tool's access class and toolset.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The access class of the calls that may do most.
    pub access: Access,
    /// The toolset.
    pub toolset: Toolset,
    changes: Option<ChangesSomething>,
    /// True if calls that change several servers take brakes.
    pub(super) takes_brakes: bool,
    /// True if calls may run as another user of their server.
    pub(super) takes_sudo: bool,
    /// True if calls take the supplies of a command.
    pub(super) takes_supplies: bool,
    /// The moment at which the person is asked, where rules say so.
    pub(super) asking: AskingTime,
}

/// The moment at which the person is asked about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskingTime {
    /// Before the tool runs, unless calls of its class start a task, which waits.
    ByClass,
    /// Before the tool runs.
    First,
    /// The tool asks.
    Itself,
}

/// Declares a tool.
pub(super) fn declare(access: Access, toolset: Toolset) -> Declaration {
    Declaration {
        access,
        toolset,
        changes: None,
        takes_brakes: false,
        takes_sudo: false,
        takes_supplies: false,
        asking: AskingTime::ByClass,
    }
}

impl Declaration {
    /// Restricts the access class to the calls for which `changes` holds; the others read from servers at
    /// most.
    pub(super) fn only_if(self, changes: ChangesSomething) -> Self {
        Self {
            changes: Some(changes),
            ..self
        }
    }

    /// Has calls take the brakes for changes of several servers.
    pub(super) fn braked(self) -> Self {
        Self {
            takes_brakes: true,
            ..self
        }
    }

    /// Lets calls run as another user of their server.
    pub(super) fn elevated(self) -> Self {
        Self {
            takes_sudo: true,
            ..self
        }
    }

    /// Has calls take the supplies of a command.
    pub(super) fn supplied(self) -> Self {
        Self {
            takes_supplies: true,
            ..self
        }
    }

    /// Has the person asked before a call, if rules say so: it starts no task.
    pub(super) fn asked_first(self) -> Self {
        Self {
            asking: AskingTime::First,
            ..self
        }
    }

    /// Has nobody asked before a call: it asks itself.
    pub(super) fn asking(self) -> Self {
        Self {
            asking: AskingTime::Itself,
            ..self
        }
    }

    /// Returns true if clients are told of the tool: its toolset is set, and not all of its calls are refused.
    pub(super) fn is_listed(&self, config: &Config) -> bool {
        let is_refused = config.read_only && self.changes.is_none() && self.access.changes();
        config.toolsets.contains(&self.toolset) && !is_refused
    }

    /// The access class of a call with these arguments.
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

    /// A tool under construction; finished, it has a [`Declaration`].
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

        pub fn with_raw_output_schema(mut self, schema: Arc<JsonObject>) -> Self {
            self.tool.output_schema = Some(schema);
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

        pub mod tool {
            pub(in crate::tools) use super::super::super::super::outline::schema_for_output;
        }

        pub mod router {
            pub mod tool {
                use ::rmcp::handler::server::router::tool::IntoToolRoute;
                use ::rmcp::model::Tool as PlainTool;
                use indexmap::IndexMap;

                use super::super::super::super::{Declaration, model::Tool};
                use crate::app::App;

                /// Tools by name, each with its declaration.
                pub struct ToolRouter<S> {
                    pub(in crate::tools) router:
                        ::rmcp::handler::server::router::tool::ToolRouter<S>,
                    pub(in crate::tools) declared: IndexMap<String, Declaration>,
                }

                impl ToolRouter<App> {
                    pub fn new() -> Self {
                        Self {
                            router: ::rmcp::handler::server::router::tool::ToolRouter::new(),
                            declared: IndexMap::new(),
                        }
                    }

                    pub fn with_route<A, H>(mut self, (tool, handler): (Tool, H)) -> Self
                    where
                        (PlainTool, H): IntoToolRoute<App, A>,
                    {
                        let name = tool.tool.name.to_string();
                        self.declared.insert(name, tool.declaration);
                        // The library's own way makes a table of letters anew to check each name.
                        let route = (tool.tool, handler).into_tool_route();
                        self.router.map.insert(route.attr.name.clone(), route);
                        self
                    }
                }
            }
        }
    }
}
