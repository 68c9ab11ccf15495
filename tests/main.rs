//! The tests: real MCP sessions against real SSH servers, one module per capability.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod apis;
mod audit;
mod cancel;
mod contract;
mod cuts;
mod demo;
mod detach;
mod doctor;
mod errors;
mod examples;
mod exec;
mod full;
mod guard;
mod helper;
mod injection;
mod interactive;
mod kinds;
mod lifecycle;
mod lines;
mod login;
mod losses;
mod monitor;
mod multi;
mod output;
mod packaging;
mod policy;
mod pool;
mod protocol;
mod queue;
mod restart;
mod resume;
mod routes;
mod secrets;
mod sequence;
mod servers;
mod services;
mod settings;
mod transfer;
mod trees;
mod trust;
mod tunnels;
mod unreadable;
mod vanished;
