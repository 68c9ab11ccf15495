//! An MCP server that runs commands and moves files on a fleet of SSH servers.
//!
//! The layers, top to bottom, down which a call goes. Each knows those below it, and none above; a test in
//! `tests/layers.rs` holds the code to this map.
//!
//! | module | what it is |
//! |---|---|
//! | [`command_line`], [`install`], [`doctor`], [`demo`] | what the program does besides serving: registering with clients, checking a set-up, the embedded SSH server with its tour |
//! | [`transport`] | JSON-RPC lines on stdio, with answers for the malformed ones |
//! | [`server`] | the MCP handler: the one gate that every tool call passes |
//! | [`tools`], [`reply`] | the tools, one file per family: arguments in, a reply out |
//! | [`app`] | the state of the program, which every tool works with |
//! | [`api`] | HTTP APIs, asked from here or from servers' networks |
//! | [`job`] | records, queue, history, and the engine that runs every job |
//! | [`monitor`] | what servers are asked of themselves |
//! | [`audit`] | the trail of what was done |
//! | [`guard`], [`policy`] | what is let happen; which commands are refused |
//! | [`sftp`], [`ssh`] | transfers and commands, over pooled connections |
//! | [`ssh_config`] | the user's own SSH configuration |
//! | [`store`] | data that several processes share safely: JSON files |
//! | [`config`], [`logging`], [`report`] | settings, the log, and what callers are told of errors |
//! | [`secret`] | secrets, and how they are kept out of everything else |
//! | [`fs`], [`login_session`], [`error`] | files on this machine; the login session's agent and bus; the one error type |
//! | [`shell`] | the language of POSIX shells: parser, wrappers, quoting |
//! | [`charset`], [`fault`], [`hex`], [`host_key`], [`random`], [`readable`], [`stderr`], [`sync`], [`terminal`], [`text`], [`time`], [`web_address`] | leaves |

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the map is for readers of the code"
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
pub mod app;
pub mod audit;
mod charset;
pub mod command_line;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod error;
mod fault;
pub mod fs;
pub mod guard;
pub mod hex;
pub mod host_key;
pub mod install;
mod job;
pub mod logging;
pub mod login_session;
mod monitor;
pub mod policy;
pub mod random;
mod readable;
mod reply;
mod report;
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
mod web_address;
