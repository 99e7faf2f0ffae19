//! What people see happen, one scenario each: engines with their hosts, the real relay's logic, virtual time.

mod attachments;
mod bad_input;
mod calls;
mod calls_by_chance;
mod calls_refused;
mod certificates;
mod deleting;
mod devices;
mod diagnosis;
mod editing;
mod expiry;
mod failing_store;
mod healing;
mod hostile_member;
mod keeping;
mod logging_out;
mod order;
mod pages;
mod rollback;
mod rules;
mod secrecy;
mod sending;
mod talk;
mod versions;
