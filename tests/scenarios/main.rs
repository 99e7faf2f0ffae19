//! What people see happen, one scenario each: engines with their hosts, the real relay's logic, virtual time.

mod devices;
mod pages;
mod sending;
mod talk;
