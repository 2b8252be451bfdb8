//! Files for tests: pictures that are made without a library, and bytes that are long and known.

/// A PNG of one colour that fades from left to right, without compression.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for _ in 0..height {
        let pixels = (0..width).flat_map(|x| [(x * 255 / width) as u8, 120, 60]);
        // Each row begins with its filter: none.
        rows.extend(std::iter::once(0).chain(pixels));
    }
    let mut data = vec![0x78, 0x01];
    let mut blocks = rows.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        data.push(u8::from(blocks.peek().is_none()));
        let length = block.len() as u16;
        data.extend_from_slice(&length.to_le_bytes());
        data.extend_from_slice(&(!length).to_le_bytes());
        data.extend_from_slice(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &rows {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    data.extend_from_slice(&((b << 16) | a).to_be_bytes());
    let mut file = png_head(width, height);
    file.extend(png_part(b"IDAT", &data));
    file.extend(png_part(b"IEND", b""));
    file
}

/// The beginning of a PNG, which promises these dimensions.
pub fn png_head(width: u32, height: u32) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(png_part(b"IHDR", &header));
    file
}

fn png_part(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut part = (data.len() as u32).to_be_bytes().to_vec();
    part.extend_from_slice(name);
    part.extend_from_slice(data);
    let mut crc = !0_u32;
    for byte in &part[4..] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    part.extend_from_slice(&(!crc).to_be_bytes());
    part
}

/// Bytes of which no two stretches are the same.
pub fn long(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
