//! Twenty-five jobs of an operator: the spawned binary with its default settings, sshd, and the calls that a
//! sensible model makes.
//!
//! A job asserts that it was done, mostly by what is on the server then. Its calls and the bytes of its answers
//! are counted: a model reads all of them, and they have a limit together.

mod commands;
mod files;
mod live;
mod machines;
mod services;
mod session;
mod tasks;

use machines::Machines;
use session::Operator;

/// The most bytes of all answers.
const ROOM: usize = 60_000;

#[tokio::test]
async fn the_jobs_are_done_with_few_bytes() {
    let mut operator = Operator::at(Machines::start()).await;
    operator.job(services::first_contact).await;
    operator.knows_every_server().await;
    operator.job(services::dead_service).await;
    operator.job(services::load_at_night).await;
    operator.job(services::versions_on_three_servers).await;
    operator.job(services::logs_of_three_servers).await;
    operator.job(files::full_disk).await;
    operator.job(files::edit_and_test).await;
    operator.job(files::equal_change_on_three_servers).await;
    operator.job(files::deployed_tree).await;
    operator.job(files::copy_between_servers).await;
    operator.job(files::old_files).await;
    operator.job(files::rotated_log).await;
    operator.job(files::permission_denied).await;
    operator.job(commands::sudo).await;
    operator.job(commands::release_in_steps).await;
    operator.job(commands::script_with_data).await;
    operator.job(commands::failing_build).await;
    operator.job(commands::large_output).await;
    operator.job(commands::runaway_processes).await;
    operator.job(live::count_in_a_repl).await;
    operator.job(live::page_on_their_loopback).await;
    operator.job(tasks::followed_log).await;
    operator.job(tasks::dump_that_outlives_the_client).await;
    operator.job(tasks::retried_transfer).await;
    operator.job(tasks::history).await;
    let done = operator.done();
    assert_eq!(done.len(), 25);
    let whole: usize = done.iter().map(|job| job.received).sum();
    assert!(whole <= ROOM, "{whole} bytes of answers");
}
