//! The windows of protocol 1's REST interface (PROTOCOL.md section 5).

use std::{fmt, str::FromStr, time::Duration};

/// How far back an answer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// Since the overlay's start.
    Total,
    /// 24 hours.
    Day,
    /// 12 hours.
    TwelveHours,
    /// 6 hours.
    SixHours,
    /// 3 hours.
    ThreeHours,
    /// 60 minutes.
    Hour,
    /// 30 minutes.
    ThirtyMinutes,
    /// 10 minutes.
    TenMinutes,
    /// 60 seconds.
    Minute,
}

impl Window {
    /// All of them, the longest first.
    pub const ALL: [Window; 9] = [
        Window::Total,
        Window::Day,
        Window::TwelveHours,
        Window::SixHours,
        Window::ThreeHours,
        Window::Hour,
        Window::ThirtyMinutes,
        Window::TenMinutes,
        Window::Minute,
    ];

    /// Its name in paths and answers.
    pub fn name(self) -> &'static str {
        match self {
            Window::Total => "total",
            Window::Day => "1d",
            Window::TwelveHours => "12h",
            Window::SixHours => "6h",
            Window::ThreeHours => "3h",
            Window::Hour => "1h",
            Window::ThirtyMinutes => "30m",
            Window::TenMinutes => "10m",
            Window::Minute => "1m",
        }
    }

    /// How long it is; `None`: since the start.
    pub fn span(self) -> Option<Duration> {
        let minutes = match self {
            Window::Total => return None,
            Window::Day => 24 * 60,
            Window::TwelveHours => 12 * 60,
            Window::SixHours => 6 * 60,
            Window::ThreeHours => 3 * 60,
            Window::Hour => 60,
            Window::ThirtyMinutes => 30,
            Window::TenMinutes => 10,
            Window::Minute => 1,
        };
        Some(Duration::from_secs(minutes * 60))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Not the name of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoWindow;

impl fmt::Display for NoWindow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Window::ALL.map(Window::name).join(", ");
        write!(formatter, "no such window; there are {names}")
    }
}

impl std::error::Error for NoWindow {}

impl FromStr for Window {
    type Err = NoWindow;

    fn from_str(name: &str) -> Result<Self, NoWindow> {
        Window::ALL.into_iter().find(|window| window.name() == name).ok_or(NoWindow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_protocol_1() {
        let names = Window::ALL.map(Window::name).join(" ");
        assert_eq!(names, "total 1d 12h 6h 3h 1h 30m 10m 1m");
        for window in Window::ALL {
            assert_eq!(window.name().parse(), Ok(window));
        }
        for wrong in ["", "2m", "1D", "1m ", "total/"] {
            assert_eq!(wrong.parse::<Window>(), Err(NoWindow));
        }
        assert_eq!(
            NoWindow.to_string(),
            "no such window; there are total, 1d, 12h, 6h, 3h, 1h, 30m, 10m, 1m"
        );
    }
}
