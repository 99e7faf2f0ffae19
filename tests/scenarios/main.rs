//! What people see happen, one scenario each: engines with their hosts, the real relay's logic, virtual time.

mod bad_input;
mod certificates;
mod devices;
mod failing_store;
mod healing;
mod hostile_member;
mod order;
mod pages;
mod rollback;
mod rules;
mod secrecy;
mod sending;
mod talk;
