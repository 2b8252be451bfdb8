//! Camera moves over a still picture: where the view is at each moment.

/// Named as in a shot list; [`CameraMove::parse`] knows the usual aliases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CameraMove {
    Static,
    PushIn,
    PullOut,
    PanLeft,
    PanRight,
    TiltUp,
    TiltDown,
    DollyIn,
    DollyOut,
    Orbit,
    Handheld,
}

impl CameraMove {
    /// `None` for a name that is not known.
    pub fn parse(name: &str) -> Option<Self> {
        let name: String = name
            .trim()
            .to_lowercase()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { ' ' })
            .collect();
        let name = name
            .split_whitespace()
            .filter(|w| {
                !matches!(
                    *w,
                    "slow" | "slowly" | "gentle" | "fast" | "quick" | "camera" | "shot"
                )
            })
            .collect::<Vec<_>>()
            .join(" ");
        Some(match name.as_str() {
            "" | "static" | "fixed" | "still" | "locked" | "locked off" | "lock off" | "none"
            | "tripod" | "hold" => Self::Static,
            "push in" | "push" | "zoom in" | "zoom" | "in" | "move in" | "creep in" => Self::PushIn,
            "pull out" | "pull back" | "pull" | "zoom out" | "out" | "move out" => Self::PullOut,
            "pan left" | "left" | "truck left" | "track left" | "slide left" | "dolly left" => {
                Self::PanLeft
            }
            "pan right" | "right" | "truck right" | "track right" | "slide right"
            | "dolly right" | "pan" | "truck" | "track" | "tracking" | "slide" | "follow" => {
                Self::PanRight
            }
            "tilt up" | "up" | "crane up" | "pedestal up" | "rise" | "tilt" | "crane"
            | "boom up" => Self::TiltUp,
            "tilt down" | "down" | "crane down" | "pedestal down" | "descend" | "boom down" => {
                Self::TiltDown
            }
            "dolly" | "dolly in" | "dolly zoom" => Self::DollyIn,
            "dolly out" | "dolly back" => Self::DollyOut,
            "orbit" | "arc" | "drift" | "float" | "circle" | "around" => Self::Orbit,
            "handheld" | "hand held" | "shake" => Self::Handheld,
            _ => return None,
        })
    }

    /// The view at `t` in 0…1 of a clip of `seconds`.
    pub fn view(self, t: f32, seconds: f32) -> View {
        let e = ease(t);
        // Longer shots travel further, so that the speed stays calm.
        let reach = (seconds / 4.0).clamp(0.45, 1.7);
        let (zoom_by, swing) = (0.16 * reach, 0.5);
        let still = View {
            zoom: 1.0,
            x: 0.5,
            y: 0.5,
            shear: 0.0,
        };
        match self {
            Self::Static => still,
            Self::PushIn => View {
                zoom: 1.0 + zoom_by * e,
                y: 0.5 - 0.02 * e,
                ..still
            },
            Self::PullOut => View {
                zoom: 1.0 + zoom_by * (1.0 - e),
                y: 0.5 - 0.02 * (1.0 - e),
                ..still
            },
            Self::PanLeft => sideways(1.0 - e, 0.12 + 0.05 * reach, swing),
            Self::PanRight => sideways(e, 0.12 + 0.05 * reach, swing),
            Self::TiltUp => upright(1.0 - e, 0.12 + 0.06 * reach),
            Self::TiltDown => upright(e, 0.12 + 0.06 * reach),
            Self::DollyIn => View {
                zoom: 1.02 + 1.35 * zoom_by * e,
                y: 0.5 + 0.03 * e,
                ..still
            },
            Self::DollyOut => View {
                zoom: 1.02 + 1.35 * zoom_by * (1.0 - e),
                y: 0.5 + 0.03 * (1.0 - e),
                ..still
            },
            // Near things (the lower rows) pass faster than far ones.
            Self::Orbit => View {
                zoom: 1.10 + 0.03 * e,
                x: 0.5 + (e - 0.5) * 0.05,
                y: 0.5,
                shear: (e - 0.5) * 0.07,
            },
            Self::Handheld => View {
                zoom: 1.05,
                x: 0.5
                    + 0.006 * ((t * seconds * 1.9).sin() + 0.6 * (t * seconds * 3.1 + 1.0).sin()),
                y: 0.5
                    + 0.006 * ((t * seconds * 1.6 + 2.0).sin() + 0.6 * (t * seconds * 2.7).sin()),
                shear: 0.0,
            },
        }
    }
}

fn sideways(e: f32, margin: f32, y: f32) -> View {
    let zoom = 1.0 + margin;
    let half = 0.5 / zoom;
    View {
        zoom,
        x: half + (1.0 - 2.0 * half) * e,
        y,
        shear: 0.0,
    }
}

fn upright(e: f32, margin: f32) -> View {
    let zoom = 1.0 + margin;
    let half = 0.5 / zoom;
    View {
        zoom,
        x: 0.5,
        y: half + (1.0 - 2.0 * half) * e,
        shear: 0.0,
    }
}

/// What part of the picture is seen: the centre in 0…1, the magnification, and how far the lower
/// edge is displaced against the upper one, in widths.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct View {
    pub zoom: f32,
    pub x: f32,
    pub y: f32,
    pub shear: f32,
}

/// Starts and ends softly, yet never stands still: half linear, half smoothstep.
fn ease(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    0.45 * t + 0.55 * t * t * (3.0 - 2.0 * t)
}
