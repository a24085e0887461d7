//! Days and hours in a time zone, as a condition: `{ days = ["mon", "fri"], from = "07:00", to = "19:00", zone = "Europe/Berlin" }`.

use crate::clock::Millis;
use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use serde::Deserialize;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A window that opens on some days of the week. One that ends before it begins goes on into the next day, and belongs to
/// the day on which it opened.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Hours {
    days: Vec<Weekday>,
    from: u16,
    to: u16,
    zone: TimeZone,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "every_day")]
    days: Vec<Day>,
    #[serde(default = "midnight")]
    from: String,
    #[serde(default = "end_of_day")]
    to: String,
    /// Always written down: a server's own zone is nobody's intention.
    zone: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

fn every_day() -> Vec<Day> {
    vec![
        Day::Mon,
        Day::Tue,
        Day::Wed,
        Day::Thu,
        Day::Fri,
        Day::Sat,
        Day::Sun,
    ]
}

fn midnight() -> String {
    "00:00".into()
}

fn end_of_day() -> String {
    "24:00".into()
}

impl TryFrom<Written> for Hours {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let minute = |text: &str| {
            minute_of(text).ok_or_else(|| format!("{text:?} is no time of day such as \"07:30\""))
        };
        let (from, to) = (minute(&written.from)?, minute(&written.to)?);
        if from == to || from == DAY || to == 0 {
            return Err(format!(
                "from {:?} to {:?} is no span of time; leave both out for the whole day",
                written.from, written.to
            ));
        }
        if written.days.is_empty() {
            return Err("days is empty; leave it out for all of them".into());
        }
        let zone = TimeZone::get(&written.zone).map_err(|_| {
            format!(
                "{:?} is no time zone such as \"Europe/Berlin\" or \"UTC\"",
                written.zone
            )
        })?;
        Ok(Self {
            days: written.days.into_iter().map(weekday).collect(),
            from,
            to,
            zone,
        })
    }
}

impl Hours {
    /// Whether `at` is within.
    pub fn hold_at(&self, at: Millis) -> bool {
        let Ok(timestamp) = Timestamp::from_millisecond(at) else {
            return false;
        };
        let there = timestamp.to_zoned(self.zone.clone());
        let (hour, minute) = (there.hour().unsigned_abs(), there.minute().unsigned_abs());
        let now = u16::from(hour) * 60 + u16::from(minute);
        let today = there.weekday();
        let opens_on = |day: Weekday| self.days.contains(&day);
        match self.from < self.to {
            true => opens_on(today) && (self.from..self.to).contains(&now),
            false => {
                (now >= self.from && opens_on(today))
                    || (now < self.to && opens_on(today.previous()))
            }
        }
    }
}

/// `07:30` as minutes since midnight; `24:00` is the end of the day.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<u16>().ok())
            .flatten()
    };
    let at = two(hour)? * 60 + two(minute).filter(|m| *m < 60)?;
    (at <= DAY).then_some(at)
}

const fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Result<Hours, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    fn at(time: &str) -> Millis {
        time.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_window_opens_in_its_own_zone_summer_and_winter() {
        let office = hours("days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]\nfrom = \"07:00\"\nto = \"19:00\"\nzone = \"Europe/Berlin\"").unwrap();
        for (time, open) in [
            ("2026-11-23T05:59:59Z", false), // Monday, winter: 06:59 in Berlin
            ("2026-11-23T06:00:00Z", true),
            ("2026-11-23T17:59:59Z", true),
            ("2026-11-23T18:00:00Z", false),
            ("2026-07-20T05:00:00Z", true), // Monday, summer: 07:00 in Berlin
            ("2026-07-20T17:00:00Z", false),
            ("2026-11-21T12:00:00Z", false), // Saturday
        ] {
            assert_eq!(office.hold_at(at(time)), open, "{time}");
        }
        let all = hours("zone = \"UTC\"").unwrap();
        assert!(all.hold_at(0) && all.hold_at(at("2026-11-21T23:59:59Z")));
        assert!(!all.hold_at(Millis::MAX), "no such time");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_began() {
        let night =
            hours("days = [\"fri\"]\nfrom = \"22:00\"\nto = \"06:00\"\nzone = \"UTC\"").unwrap();
        for (time, open) in [
            ("2026-11-20T21:59:00Z", false), // Friday
            ("2026-11-20T22:00:00Z", true),
            ("2026-11-21T05:59:00Z", true), // Saturday morning
            ("2026-11-21T06:00:00Z", false),
            ("2026-11-21T22:00:00Z", false),
            ("2026-11-20T05:00:00Z", false), // Friday morning belongs to Thursday
        ] {
            assert_eq!(night.hold_at(at(time)), open, "{time}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused_in_words() {
        for (text, words) in [
            ("", "zone"),
            ("zone = \"Berlin\"", "is no time zone"),
            ("zone = \"UTC\"\nfrom = \"7:00\"", "is no time of day"),
            ("zone = \"UTC\"\nfrom = \"24:01\"", "is no time of day"),
            ("zone = \"UTC\"\nto = \"09:60\"", "is no time of day"),
            (
                "zone = \"UTC\"\nfrom = \"09:00\"\nto = \"09:00\"",
                "no span of time",
            ),
            ("zone = \"UTC\"\ndays = []", "days is empty"),
            ("zone = \"UTC\"\ndays = [\"monday\"]", "unknown variant"),
            ("zone = \"UTC\"\nuntil = \"09:00\"", "unknown field"),
        ] {
            let error = hours(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
