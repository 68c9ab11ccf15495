//! The guides for people. GitHub shows their files, docs.rs these modules.

/// Makes a module of each guide, whose text is the file of its name.
///
/// A guide links to another as `[security]` and defines that at its end for readers of the file. Of two
/// definitions the first one counts, which here is the module's.
macro_rules! guides {
    ($($name:ident)*) => {
        guides! {
            @links concat!($("[", stringify!($name), "]: self::", stringify!($name), "\n"),*);
            $($name)*
        }
    };
    (@links $links:expr; $($name:ident)*) => {
        $(
            #[doc = $links]
            #[doc = include_str!(concat!(stringify!($name), ".md"))]
            pub mod $name {}
        )*
    };
}

guides! {
    install
    examples
    servers
    tools
    shells
    sudo
    watching
    asking
    fleet
    security
    promises
    settings
    speed
    original
}
