//! R33: the table, and what comes of it however signals travel.

mod meetings;
mod model;
mod table;
