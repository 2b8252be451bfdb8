//! Vector shapes with antialiased edges, on a transparent layer of their own.

use super::canvas::{HEIGHT, Rgb, WIDTH, paint_colour};
use tiny_skia::{
    FillRule, GradientStop, LineCap, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point,
    RadialGradient, Rect, Shader, SpreadMode, Stroke, Transform,
};

pub struct Pen {
    layer: Pixmap,
    transform: Transform,
}

impl Pen {
    pub fn new() -> Self {
        // The size is a constant above zero; a 1×1 layer would only lose detail.
        let layer = Pixmap::new(WIDTH as u32, HEIGHT as u32).unwrap_or_else(unreachable_layer);
        Self {
            layer,
            transform: Transform::identity(),
        }
    }

    /// Draws in units of `scale` pixels about a point, leaning by `degrees`.
    pub fn at(&mut self, x: f32, y: f32, scale: f32, degrees: f32) -> &mut Self {
        self.transform = Transform::from_scale(scale, scale)
            .post_rotate(degrees)
            .post_translate(x, y);
        self
    }

    /// The same, mirrored left to right when `flip`.
    pub fn facing(&mut self, x: f32, y: f32, scale: f32, flip: bool) -> &mut Self {
        let sx = if flip { -scale } else { scale };
        self.transform = Transform::from_scale(sx, scale).post_translate(x, y);
        self
    }

    pub fn plain(&mut self) -> &mut Self {
        self.transform = Transform::identity();
        self
    }

    pub fn layer(&self) -> &Pixmap {
        &self.layer
    }

    pub fn polygon(&mut self, points: &[(f32, f32)], colour: Rgb, alpha: f32) {
        let mut builder = PathBuilder::new();
        outline(&mut builder, points);
        self.fill(
            builder.finish(),
            Shader::SolidColor(paint_colour(colour, alpha)),
        );
    }

    /// A polygon shaded from one colour at `from` to another at `to`.
    pub fn shaded(&mut self, points: &[(f32, f32)], from: (f32, f32, Rgb), to: (f32, f32, Rgb)) {
        let mut builder = PathBuilder::new();
        outline(&mut builder, points);
        let shader = linear(from, to);
        self.fill(builder.finish(), shader);
    }

    /// A closed shape of curves: the closure draws it.
    pub fn shape(&mut self, colour: Rgb, alpha: f32, draw: impl FnOnce(&mut PathBuilder)) {
        let mut builder = PathBuilder::new();
        draw(&mut builder);
        self.fill(
            builder.finish(),
            Shader::SolidColor(paint_colour(colour, alpha)),
        );
    }

    pub fn shaded_shape(
        &mut self,
        from: (f32, f32, Rgb),
        to: (f32, f32, Rgb),
        draw: impl FnOnce(&mut PathBuilder),
    ) {
        let mut builder = PathBuilder::new();
        draw(&mut builder);
        let shader = linear(from, to);
        self.fill(builder.finish(), shader);
    }

    pub fn ellipse(&mut self, x: f32, y: f32, rx: f32, ry: f32, colour: Rgb, alpha: f32) {
        self.fill(
            oval(x, y, rx, ry),
            Shader::SolidColor(paint_colour(colour, alpha)),
        );
    }

    /// A soft disc: full in the middle, nothing at the edge.
    pub fn soft(&mut self, x: f32, y: f32, radius: f32, colour: Rgb, alpha: f32) {
        let stops = vec![
            GradientStop::new(0.0, paint_colour(colour, alpha)),
            GradientStop::new(0.5, paint_colour(colour, alpha * 0.5)),
            GradientStop::new(1.0, paint_colour(colour, 0.0)),
        ];
        let centre = Point::from_xy(x, y);
        let shader = RadialGradient::new(
            centre,
            0.0,
            centre,
            radius.max(0.1),
            stops,
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let Some(shader) = shader {
            self.fill(oval(x, y, radius, radius), shader);
        }
    }

    pub fn line(&mut self, points: &[(f32, f32)], width: f32, colour: Rgb, alpha: f32) {
        let mut builder = PathBuilder::new();
        let mut points = points.iter();
        if let Some(&(x, y)) = points.next() {
            builder.move_to(x, y);
        }
        for &(x, y) in points {
            builder.line_to(x, y);
        }
        self.stroke(builder, width, colour, alpha);
    }

    pub fn curve(
        &mut self,
        from: (f32, f32),
        via: (f32, f32),
        to: (f32, f32),
        width: f32,
        colour: Rgb,
        alpha: f32,
    ) {
        let mut builder = PathBuilder::new();
        builder.move_to(from.0, from.1);
        builder.quad_to(via.0, via.1, to.0, to.1);
        self.stroke(builder, width, colour, alpha);
    }

    /// The outline of a shape.
    pub fn outline(
        &mut self,
        width: f32,
        colour: Rgb,
        alpha: f32,
        draw: impl FnOnce(&mut PathBuilder),
    ) {
        let mut builder = PathBuilder::new();
        draw(&mut builder);
        self.stroke(builder, width, colour, alpha);
    }

    fn stroke(&mut self, builder: PathBuilder, width: f32, colour: Rgb, alpha: f32) {
        let Some(path) = builder.finish() else { return };
        let paint = paint(Shader::SolidColor(paint_colour(colour, alpha)));
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            ..Stroke::default()
        };
        self.layer
            .stroke_path(&path, &paint, &stroke, self.transform, None);
    }

    fn fill(&mut self, path: Option<Path>, shader: Shader<'_>) {
        if let Some(path) = path {
            self.layer.fill_path(
                &path,
                &paint(shader),
                FillRule::Winding,
                self.transform,
                None,
            );
        }
    }
}

fn paint(shader: Shader<'_>) -> Paint<'_> {
    Paint {
        shader,
        anti_alias: true,
        ..Paint::default()
    }
}

fn outline(builder: &mut PathBuilder, points: &[(f32, f32)]) {
    let mut points = points.iter();
    if let Some(&(x, y)) = points.next() {
        builder.move_to(x, y);
    }
    for &(x, y) in points {
        builder.line_to(x, y);
    }
    builder.close();
}

fn oval(x: f32, y: f32, rx: f32, ry: f32) -> Option<Path> {
    Rect::from_xywh(x - rx, y - ry, rx * 2.0, ry * 2.0).and_then(PathBuilder::from_oval)
}

fn linear(from: (f32, f32, Rgb), to: (f32, f32, Rgb)) -> Shader<'static> {
    let stops = vec![
        GradientStop::new(0.0, paint_colour(from.2, 1.0)),
        GradientStop::new(1.0, paint_colour(to.2, 1.0)),
    ];
    LinearGradient::new(
        Point::from_xy(from.0, from.1),
        Point::from_xy(to.0, to.1),
        stops,
        SpreadMode::Pad,
        Transform::identity(),
    )
    .unwrap_or_else(|| Shader::SolidColor(paint_colour(from.2, 1.0)))
}

fn unreachable_layer() -> Pixmap {
    unreachable!("WIDTH and HEIGHT are constants that tiny-skia accepts")
}
