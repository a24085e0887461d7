//! The behavioural verification engine: is it still this person who types and moves the pointer?
//!
//! [`Event`]s go in one by one ([`Engine::push`]), an [`Assessment`] comes out ([`Engine::assess`]). Pure: no I/O, no
//! clock, no randomness; the same numbers natively and in WASM, bit for bit, because every `exp`, `log` and `sqrt` is
//! `libm`'s. `push` allocates nothing, memory is bounded, hostile times and bytes are harmless.
//!
//! ```
//! use biometrics::{Engine, Event, EventKind, Model, Verdict};
//!
//! let model = Model::from_bytes(include_bytes!("../model/shipped.bin"))?;
//! let mut engine = Engine::new(model);
//! engine.push(Event { at: 1_793_610_000_000.0, kind: EventKind::KeyDown { key: 65 } });
//! engine.push(Event { at: 1_793_610_000_085.0, kind: EventKind::KeyUp { key: 65 } });
//! engine.confirm(1_793_610_001_000.0); // a strong factor of this person has passed: the window joins the template
//! assert_eq!(engine.assess(1_793_610_001_000.0).verdict, Verdict::Learning);
//! # Ok::<(), biometrics::ModelError>(())
//! ```
//!
//! # The mathematics, in short
//!
//! **Typing.** A keystroke *b* after *a* gives four times: hold of *b*; press to press; release of *a* to press of *b*;
//! release to release. Each is taken as a logarithm (300 ms added first where keys may overlap) and standardised by the
//! mean and deviation that everybody has at this class of key, or ordered pair of classes (44 classes): the residual *x*.
//! It belongs to a *feature f*: the class of *b*, or what the ordered pair is kept as: the 100 commonest pairs of letters by
//! themselves, others as pairs of groups (six of letters by hand and row, 18 others). That makes 2,072 features, by which a
//! template says little about which words were typed. The background knows for each
//! *f* the variance σ² of one person's repetitions and the variance τ² of people's means, each drawn to the average of its
//! kind by some 20 pseudo-observations. A person's mean is the MAP estimate m = o + Σ(x - o) / (n + r), where *o* is the
//! person's offset for the kind of timing, *n* the number of repetitions and r = σ² / 0.6τ²; their variance is
//! s² = σ²(ρ + 1 / (n + r)), where ρ is the person's ratio of
//! variances for the kind. One timing contributes, clipped to ±4 nats,
//! ½ ln((σ² + τ²) / s²) - ½ min((x - m)² / s², 9) + ½ min(x² / (σ² + τ²), 9).
//! (Gaussian mixture adaptation: Reynolds, Quatieri and Dunn, *Digital Signal Processing* 10, 2000.)
//!
//! **User name.** The letters and digits of the user name in the device's binding ([`Engine::expect`]) are watched for.
//! Each repetition gives residuals per position; the person's mean at a position has the prior of words that people type
//! again and again, and a repetition's mean contribution is calibrated on such words. Repetitions of one unlock are
//! averaged, and say at most 1.5 nats for the person: never enough alone.
//!
//! **Pointer.** Positions are put on a grid of 60 frames a second; an *action* ends at a pause over 250 ms, at a release
//! of a button, or after 48 frames. 26 features (length, straightness, speeds, accelerations, jerk, turning, deviation
//! from the chord, direction, duration of the click, rest before) are standardised and modelled by a mixture of 24
//! Gaussians with diagonal covariances, whose means are adapted to the person with relevance 4. One action contributes
//! its log-likelihood ratio, clipped to ±3 nats. The wheel is neutral.
//!
//! **Normalisation.** Contributions are averaged per kind of timing and weighted by what the kinds were found to tell.
//! The result is compared with what 20 other people's models say of the same evidence: (score - mean) / (deviation +
//! floor) of the better two fifths of them (t-norm: Auckenthaler, Carey and Lloyd-Thomas, *Digital Signal Processing*
//! 10, 2000).
//!
//! **Calibration.** An affine map per amount of evidence, fitted by logistic regression with equal priors on background
//! people who were left out of the model in turn, makes natural-logarithm likelihood ratios of the scores (Brümmer and
//! du Preez, *Computer Speech and Language* 20, 2006). Typing and pointer are added. No modality says more than ±10.
//!
//! **Trust.** Contributions fade: a keystroke weighs half after 200 more, an action after 60 more, all after ten minutes.
//!
//! **Verdict.** For calibrated ratios a target rate of false acceptance is a threshold; see [`Targets`]. Whoever raised
//! suspicion in confirmed unlocks of their own is flagged later than others.
//!
//! **Learning.** Windows wait in quarantine as sums. [`Engine::confirm`] adds them to the template if they are not older
//! than eight hours; [`Engine::reset`] drops them. A template is mature after 1,500 keystrokes and three confirmations
//! on two days; the pointer takes part once a minute of actions is known. What a mature template calls an impostor's
//! does not join it.
//!
//! # What it does not do
//!
//! It does not know what was typed: a template holds counts and means per key class and pair of groups, in no order;
//! counts of pairs still say a little about a person's language, which is why templates are sealed. It does not tell
//! an imitator, a replay of recorded input or a program that samples a person's own rhythm from the person: the
//! automation signs find only what no hand does. Its error rates are those of people who do not imitate anybody.
//! It never decides alone: policy does, and a fallback is always on offer.

mod assessment;
mod automation;
mod calibration;
mod change;
mod codec;
mod engine;
mod event;
mod explain;
mod history;
mod keyboard;
mod model;
#[cfg(feature = "parity")]
mod parity;
mod pointer;
mod quarantine;
mod replay;
mod roughness;
mod state;
mod template;
#[cfg(feature = "train")]
pub mod train;
mod trust;

pub use assessment::{Assessment, Verdict};
pub use engine::{Engine, Targets};
pub use event::{Event, EventKind};
pub use explain::words;
pub use history::Suitability;
pub use model::{Model, ModelError};
#[cfg(feature = "parity")]
pub use parity::parity_fixture;
pub use state::StateError;
pub use template::TemplateError;
