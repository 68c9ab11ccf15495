//! An MCP server that runs commands and moves files on a fleet of SSH servers.
//!
//! The modules lie in layers, here from top to bottom. A call goes down through them. Each layer knows only
//! those below it; a test in `tests/layers.rs` holds the code to this map.
//!
//! | module | what it is |
//! |---|---|
//! | [`command_line`] | the command line, and the work of each command |
//! | [`web`] | the page in a browser on which a person sees what goes on, answers and stops |
//! | [`console`], [`install`], [`doctor`], [`red_button`], [`demo`] | the program's other commands: seeing what goes on, registering it with a client, checking a set-up, stopping everything, a tour with an SSH server of its own |
//! | [`guide`] | the guides for people |
//! | [`transport`] | MCP messages on standard input and output, one in each line; malformed ones are answered, too |
//! | [`server`] | the MCP handler, with the gate that every tool call passes (audit, guard, masking), and what clients read besides: resources, prompts, completions |
//! | [`tools`], [`reply`] | the tools, a file for each family; a tool takes arguments and makes a reply |
//! | [`observer`] | a data directory as a person sees it, beside the programs that serve it |
//! | [`samples`] | load, memory and disk of servers over a day |
//! | [`app`] | the state of the program, which every tool works with |
//! | [`api`] | health checks of HTTP APIs, from here or from a server's network |
//! | [`live_shell`] | shells that stay open from call to call |
//! | [`tunnel`] | tunnels to the networks of servers |
//! | [`job`] | jobs: their records, the queue, the history, and the engine that runs them |
//! | [`monitor`] | monitoring: the scripts that ask a server about itself, and the parsers of their output |
//! | [`compare`] | comparison of files and trees |
//! | [`file_query`] | questions about the files of a server, which a script or SFTP answers |
//! | [`fleet`] | several servers in one call: the servers that it is for, and their answers in one text |
//! | [`ansible`] | the hosts of Ansible inventories, as servers |
//! | [`approval`] | questions that a person has to answer before a call acts |
//! | [`audit`] | the audit trail: a record of each call that acts |
//! | [`guard`], [`policy`] | the checks before a call acts: read-only servers, local directories, the commands that the policy refuses, and those that a person is asked about |
//! | [`sftp`], [`ssh`] | file transfers and commands, over a pool of connections |
//! | [`edit`] | exact edits of a file's content, and diffs |
//! | [`held`], [`actor`] | the red button: servers on which nothing may begin; the person or program that acts |
//! | [`ssh_config`] | the parser of the user's own SSH configuration, `~/.ssh/config` |
//! | [`store`] | the data directory, which several processes share safely |
//! | [`config`], [`logging`], [`report`] | settings; the log; the reports of errors that callers get |
//! | [`secret`] | secrets: how they are stored, and how they are masked in everything else |
//! | [`fs`], [`login_session`], [`error`] | files on this machine; the SSH agent and the message bus of the user's login session; the one error type |
//! | [`shell`], [`device`] | the language of POSIX shells: a parser, and quoting; the words of network devices |
//! | [`charset`], [`descriptors`], [`fault`], [`hex`], [`host_key`], [`random`], [`readable`], [`resource_uri`], [`stderr`], [`sync`], [`terminal`], [`text`], [`time`], [`web_address`] | small helpers |

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the map is for readers of the code"
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod actor;
mod ansible;
mod api;
pub mod app;
pub mod approval;
pub mod audit;
mod charset;
pub mod command_line;
mod compare;
pub mod config;
mod console;
pub mod demo;
pub mod descriptors;
mod device;
pub mod doctor;
mod edit;
pub mod error;
mod fault;
mod file_query;
mod fleet;
pub mod fs;
pub mod guard;
pub mod guide;
pub mod held;
pub mod hex;
pub mod host_key;
pub mod install;
mod job;
mod live_shell;
pub mod logging;
pub mod login_session;
mod monitor;
mod observer;
pub mod policy;
pub mod random;
mod readable;
pub mod red_button;
mod reply;
mod report;
mod resource_uri;
pub mod samples;
pub mod secret;
pub mod server;
pub mod sftp;
mod shell;
mod ssh;
mod ssh_config;
mod stderr;
mod store;
mod sync;
mod terminal;
mod text;
pub mod time;
pub mod tools;
pub mod transport;
pub mod tunnel;
mod web;
mod web_address;
