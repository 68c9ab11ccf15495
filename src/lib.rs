//! An MCP server that runs commands and moves files on a fleet of SSH servers.
//!
//! A call's way through the crate, top to bottom; each layer knows only those below it:
//!
//! | module | what it is |
//! |---|---|
//! | [`transport`] | JSON-RPC lines on stdio, with answers for the malformed ones |
//! | [`server`] | the MCP handler: the one gate that every tool call passes |
//! | [`tools`] | the tools, one file per family: arguments in, [`reply`] out |
//! | [`monitor`], [`api`] | what servers are asked of themselves, and HTTP APIs from their networks |
//! | [`job`] | records, queue, history, and the engine that runs every job |
//! | [`guard`], [`policy`] | what is let happen; which commands are refused |
//! | [`sftp`], [`ssh`] | transfers and commands, over pooled connections |
//! | [`store`] | JSON files shared safely by several processes |
//!
//! Beside them: `shell` (the language of POSIX shells: parser, wrappers, quoting), [`config`]
//! (settings), [`error`] (the one error type), [`secret`], [`logging`], [`time`], [`random`], [`hex`],
//! [`sync`], [`small_file`], [`terminal`], [`readable`]; and what the [`command_line`] has besides
//! serving: [`install`] (registering with clients), [`doctor`], [`audit`], and [`demo`], the embedded
//! SSH server with its tour.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod audit;
pub mod command_line;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod guard;
pub mod hex;
pub mod install;
pub mod job;
pub mod logging;
pub mod monitor;
pub mod policy;
pub mod random;
pub mod readable;
pub mod reply;
pub mod secret;
pub mod server;
pub mod sftp;
mod shell;
pub mod small_file;
pub mod ssh;
pub mod ssh_config;
mod stderr;
pub mod store;
pub mod sync;
pub mod terminal;
mod text;
pub mod time;
pub mod tools;
pub mod transport;
