//! Colours by name, compared in Oklab.

use crate::paint::canvas::to_linear;

/// Colour names and a typical sRGB value of each.
pub const NAMES: &[(&str, u32)] = &[
    ("black", 0x0a0a0c),
    ("charcoal", 0x2b2d31),
    ("slate grey", 0x5d6670),
    ("grey", 0x8c8c8c),
    ("silver", 0xbfc3c7),
    ("white", 0xf5f5f3),
    ("midnight blue", 0x111a38),
    ("navy", 0x1c3160),
    ("steel blue", 0x4a7199),
    ("azure", 0x4f9bdc),
    ("pale blue", 0xaecbe3),
    ("teal", 0x1f6f78),
    ("turquoise", 0x4fc3c7),
    ("dark green", 0x1f3d24),
    ("olive", 0x6b6b35),
    ("green", 0x4b9a45),
    ("pale green", 0xb4d6a8),
    ("umber", 0x3a2418),
    ("brown", 0x7a4b2a),
    ("tan", 0xb99468),
    ("cream", 0xf1e3c4),
    ("gold", 0xd9a43a),
    ("amber", 0xf0a028),
    ("yellow", 0xf5dd4a),
    ("orange", 0xe8762c),
    ("rust", 0xa2482a),
    ("red", 0xc8302c),
    ("maroon", 0x5b1a20),
    ("rose", 0xd98a92),
    ("pink", 0xf2bfc6),
    ("peach", 0xf5c6a0),
    ("plum", 0x57305a),
    ("indigo", 0x33306e),
    ("violet", 0x7c5bb0),
    ("lavender", 0xbcb0dc),
    ("magenta", 0xc0408a),
];

/// Björn Ottosson's Oklab: lightness 0…1, then green–red and blue–yellow.
pub fn oklab(rgb: [u8; 3]) -> [f32; 3] {
    let table = to_linear();
    let [r, g, b] = rgb.map(|c| table[usize::from(c)]);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}
