//! R33: the table, and what comes of it however signals travel.

mod clocks;
mod meetings;
mod model;
mod table;
