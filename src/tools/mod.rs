//! The tools, one file per family, and what they have in common.
//!
//! A tool is a struct for its arguments, whose doc comments become the schema, and a short method that turns
//! them into one operation. `declare` says its access class and its toolset:
//!
//! ```text
//! /// What the model reads.
//! #[tool(title = "…", meta = declare(Access::ReadsHere, Toolset::Core))]
//! async fn name(&self, Parameters(arguments): Parameters<Arguments>) -> Result<Reply, Error>
//! ```
//!
//! A tool that returns a [`Json`] of its facts has an output schema, made of their type, and its answers carry
//! structured content. The answers of the others are text alone.
//!
//! | module | what it is |
//! |---|---|
//! | `declared` | access class and toolset, without which a tool does not compile |
//! | `arguments`, `lenient`, `name_pattern`, `secret_rules` | types of arguments, leniency about their form, rules for secrets among them |
//! | `schema`, `explain` | input schemas, and refusals of arguments |
//! | `brakes` | the arguments that hold a change of several servers back |
//! | `sudo` | the argument that has a call run as another user of its server |
//! | `supplies` | the arguments for directory, variables, input and script of a command |
//! | `view` | the arguments that say how much of an output an answer shows |
//! | `data`, `outline` | answers with data, and their schemas |
//! | `call` | the request behind a call: progress, and waiting for a job |
//! | `fleet_facts` | the facts that several servers answer with |
//! | `ask`, `ask_first` | questions to the person behind the client, and calls that they have to agree to first |
//! | `dialog`, `elicitation` | a question within a call, and the form in which it is asked |
//! | `card` | the question in clients that show MCP Apps |
//! | `reason` | the reason that a caller gives |
//! | every other file | a family of tools |

mod admin;
mod api_check;
mod apis;
mod arguments;
mod ask;
mod ask_first;
mod authorize;
mod brakes;
mod call;
mod card;
mod compare;
mod data;
mod declared;
mod dialog;
mod edit;
mod elicitation;
mod exec;
mod explain;
mod files;
mod fleet_facts;
mod history_list;
mod import;
mod lenient;
mod life;
mod logs;
mod monitor;
mod name_pattern;
mod outline;
mod output;
mod page;
mod policy;
mod queue;
mod reason;
mod schema;
mod secret_rules;
mod server_list;
mod servers;
mod shells;
mod shown_keys;
mod since;
mod sudo;
mod supplies;
mod task_facts;
mod task_input;
mod task_list;
mod transfer;
mod trust;
mod tunnels;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rmcp::ErrorData;
use rmcp::handler::server::tool::{ToolCallContext, ToolRouter};
use rmcp::model::{CallToolResponse, Tool};

use crate::app::App;
use crate::config::{Config, Structured, Toolset};
use arguments::{Nothing, NumberOfSeconds, On, Parameters, Quantity, Switch};
use ask::{Confirmation, IfUnasked, Person};
use call::{Call, ProgressSource, WaitFor};
pub(crate) use card::{announce_card, card, shows_cards};
use data::Json;
pub use declared::Declaration;
pub(crate) use lenient::settle;
pub(crate) use reason::{CallFacts, REASON};
pub(crate) use since::Since;
use view::Viewed;

/// All tools, by name.
pub struct Tools {
    router: ToolRouter<App>,
    declared: IndexMap<String, Declaration>,
    /// The names of each tool's parameters that hold secrets.
    secrets: HashMap<String, Arc<[String]>>,
    /// The tools that clients are told of, in their order.
    listed: Vec<Tool>,
}

impl Tools {
    /// The tools of this program, all of them listed.
    pub fn new() -> Self {
        Self::unlisted().listing(&Toolset::ALL, |_| true)
    }

    fn unlisted() -> Self {
        let families = [
            App::server_tools(),
            App::server_list_tools(),
            App::import_tools(),
            App::trust_tools(),
            App::exec_tools(),
            App::transfer_tools(),
            App::edit_tools(),
            App::compare_tools(),
            App::queue_tools(),
            App::output_tools(),
            App::monitor_tools(),
            App::log_tools(),
            App::file_tools(),
            App::api_tools(),
            App::shell_tools(),
            App::task_input_tools(),
            App::api_check_tools(),
            App::tunnel_tools(),
            App::authorize_tools(),
            App::policy_tools(),
            App::admin_tools(),
        ];
        let mut tools = Self {
            router: ToolRouter::new(),
            declared: IndexMap::new(),
            secrets: HashMap::new(),
            listed: Vec::new(),
        };
        for family in families {
            tools.router.map.extend(family.router.map);
            tools.declared.extend(family.declared);
        }
        for route in tools.router.map.values_mut() {
            let declaration = tools.declared.get(route.attr.name.as_ref());
            if declaration.is_some_and(|declaration| declaration.takes_brakes) {
                brakes::announce(&mut route.attr);
            }
            if declaration.is_some_and(|declaration| declaration.takes_sudo) {
                sudo::announce(&mut route.attr);
            }
            if declaration.is_some_and(|declaration| declaration.takes_supplies) {
                supplies::announce(&mut route.attr);
            }
            schema::tidy(&mut route.attr);
            view::announce(&mut route.attr);
            let secrets = schema::secrets(&route.attr.input_schema);
            let name = route.attr.name.to_string();
            tools.secrets.insert(name, secrets.into());
        }
        tools
    }

    /// The tools of this program, listed and shaped as the settings say.
    pub(crate) fn of(config: &Config) -> Self {
        let mut tools = Self::unlisted();
        if config.structured == Structured::Never {
            let routes = tools.router.map.values_mut();
            routes.for_each(|route| route.attr.output_schema = None);
        }
        tools.listing(&config.toolsets, |declaration| {
            declaration.is_listed(config)
        })
    }

    /// The same, with those listed for which `is_listed` holds, by their toolsets, and with the parameters of
    /// these toolsets.
    fn listing(mut self, toolsets: &[Toolset], is_listed: impl Fn(&Declaration) -> bool) -> Self {
        let listed = self.declared.iter();
        let mut listed: Vec<_> = listed.filter(|(_, tool)| is_listed(tool)).collect();
        listed.sort_by_key(|(_, tool)| tool.toolset);
        let tools = listed.into_iter();
        let tools = tools.filter_map(|(name, _)| self.router.get(name));
        self.listed = tools.cloned().collect();
        for tool in &mut self.listed {
            schema::keep_of(toolsets, tool);
        }
        schema::describe_once(&mut self.listed);
        self
    }

    /// Every tool that is listed, as clients see it.
    pub fn list_all(&self) -> Vec<Tool> {
        self.listed.clone()
    }

    /// Returns true if clients are told of a tool of this name.
    pub(crate) fn is_listed(&self, name: &str) -> bool {
        self.listed.iter().any(|tool| tool.name == name)
    }

    /// A tool as clients see it.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.router.get(name)
    }

    /// The names of all tools.
    pub(crate) fn names(&self) -> Vec<String> {
        self.declared.keys().cloned().collect()
    }

    /// A tool's declaration.
    pub fn declaration(&self, name: &str) -> Option<&Declaration> {
        self.declared.get(name)
    }

    /// The names of a tool's parameters that hold secrets.
    pub(crate) fn secrets(&self, name: &str) -> Arc<[String]> {
        self.secrets.get(name).cloned().unwrap_or_default()
    }

    /// Calls a tool.
    pub(crate) async fn call(
        &self,
        mut context: ToolCallContext<'_, App>,
    ) -> Result<CallToolResponse, ErrorData> {
        let declaration = self.declaration(context.name());
        if declaration.is_some_and(|declaration| declaration.takes_sudo) {
            sudo::take(&mut context)?;
        }
        self.router.call(context).await
    }
}

impl Default for Tools {
    fn default() -> Self {
        Self::new()
    }
}
