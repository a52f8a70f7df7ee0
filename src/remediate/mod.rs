//! Rotation: order, blast radius, checklist lines. Pure.
