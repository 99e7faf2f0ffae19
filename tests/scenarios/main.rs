//! What people see happen, one scenario each: engines with their hosts, the real relay's logic, virtual time.

mod answering;
mod attachments;
mod bad_input;
mod calls;
mod calls_by_chance;
mod calls_refused;
mod certificates;
mod deleting;
mod devices;
mod editing;
mod expiry;
mod failing_store;
mod healing;
mod hostile_member;
mod keeping;
mod noticing;
mod order;
mod pages;
mod reporting;
mod rollback;
mod rules;
mod secrecy;
mod sending;
mod structured;
mod talk;
mod typing;
