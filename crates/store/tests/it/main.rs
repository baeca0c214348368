//! What the store promises of one page, one cursor and one cell.

mod cells;
mod pages;
