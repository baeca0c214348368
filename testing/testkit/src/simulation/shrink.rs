//! The shortest list that still fails.

use std::fmt::Write as _;

use super::{Op, play};

/// Shortens a list that fails: halves, quarters and so on of it are left out, and at last single things, for as long as what
/// is left still fails. What is wrong with it is given too.
pub async fn shortest(seed: u64, ops: &[Op]) -> (Vec<Op>, String) {
    let mut ops = ops.to_vec();
    let Err(mut wrong) = play(seed, &ops).await else {
        return (ops, "it did not fail a second time".to_owned());
    };
    let mut size = ops.len().div_ceil(2);
    loop {
        let (mut at, mut shorter) = (0, false);
        while at < ops.len() {
            let end = (at + size).min(ops.len());
            let left: Vec<Op> = ops[..at].iter().chain(&ops[end..]).copied().collect();
            match play(seed, &left).await {
                Err(still) => (ops, wrong, shorter) = (left, still, true),
                Ok(()) => at = end,
            }
        }
        match size {
            1 if !shorter => return (ops, wrong),
            1 => {}
            _ => size = size.div_ceil(2),
        }
    }
}

/// The list as a test that can be kept.
pub fn as_code(seed: u64, ops: &[Op]) -> String {
    let mut out = format!("    assert_kept({seed}, &[\n");
    for op in ops {
        let _ = writeln!(out, "        {op:?},");
    }
    out + "    ])\n    .await;\n"
}
