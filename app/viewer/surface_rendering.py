"""Surfaces drawn by the processor: points, nearest last, shaded by where they face. Pure; no widget.

Works on every computer and over every remote desktop; OpenGL is not needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.viewer.surfaces import Surface

Matrix = NDArray[np.float64]

#: Where the light is: above the left shoulder of the person who looks (right, up, towards).
_LIGHT = np.array([-0.4, 0.5, 0.77])
_LIGHT = (_LIGHT / np.linalg.norm(_LIGHT)).astype(np.float32)
#: Largest edge of the square that stands for one point, px.
_LARGEST_DOT = 9
_BODY_GREY = 205.0
#: How much of the body covers what is inside it: faint where it faces the person, strong at its outline.
_BODY_FAINT, _BODY_RIM = 0.2, 0.75

#: Rows are right, up and towards the person, in LPS: looking at the patient from the front.
FRONT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Camera:
    """From where a surface is seen.

    Parameters
    ----------
    turn
        (3, 3) rotation; its rows are the screen's right, up and towards the person, in LPS.
    middle
        LPS place in the middle of the screen, mm.
    zoom
        Pixels per millimetre.
    """

    turn: Matrix = field(default_factory=FRONT.copy)
    middle: Matrix = field(default_factory=lambda: np.zeros(3))
    zoom: float = 1.0

    def turned(self, across: float, down: float) -> Camera:
        """Return the camera after a drag of so many radians to the right and downwards: what is near follows it."""
        a, b = math.cos(across), math.sin(across)
        c, d = math.cos(down), math.sin(down)
        yaw = np.array([[a, 0, b], [0, 1, 0], [-b, 0, a]])
        pitch = np.array([[1, 0, 0], [0, c, -d], [0, d, c]])
        # Rounding creeps in over many drags: the nearest rotation.
        u, _, v = np.linalg.svd(pitch @ yaw @ self.turn)
        return Camera(turn=u @ v, middle=self.middle, zoom=self.zoom)

    def project(self, points: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
        """Return (n, 3): column and row on the screen in pixels, and nearness (larger is nearer, mm)."""
        seen = (points - self.middle.astype(np.float32)) @ self.turn.astype(np.float32).T
        seen[:, 0] = width / 2 + seen[:, 0] * self.zoom
        seen[:, 1] = height / 2 - seen[:, 1] * self.zoom
        return np.asarray(seen)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What is drawn: each surface with its colour, and the body through which one looks; `marked` is of the first."""

    lesions: tuple[tuple[Surface, tuple[int, int, int]], ...] = ()
    body: Surface | None = None
    marked: int = 0
    marked_colour: tuple[int, int, int] = (120, 235, 255)
    background: tuple[int, int, int] = (12, 15, 19)

    @property
    def bounds(self) -> tuple[Matrix, float]:
        """Middle and radius of everything, mm."""
        surfaces = [surface for surface, _ in self.lesions] + ([self.body] if self.body is not None else [])
        points = [surface.points for surface in surfaces if len(surface.points)]
        if not points:
            return np.zeros(3), 1.0
        low = np.min([p.min(axis=0) for p in points], axis=0).astype(np.float64)
        high = np.max([p.max(axis=0) for p in points], axis=0).astype(np.float64)
        return (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-3)


def render(scene: Scene, camera: Camera, width: int, height: int, *, every: int = 1) -> NDArray[np.uint32]:
    """Return a picture (height, width) of 0xFFRRGGBB; `every` draws each n-th point only, while the mouse turns it."""
    picture = np.empty((height * width, 3), dtype=np.float32)
    picture[:] = scene.background
    for number, (surface, colour) in enumerate(scene.lesions):
        colours = np.tile(np.array(colour, dtype=np.float32), (len(surface.points), 1))
        if scene.marked and number == 0:
            colours[surface.owners == scene.marked] = scene.marked_colour
        _draw(picture, surface, colours, camera, (width, height), every)
    if scene.body is not None:
        _lay_over(picture, scene.body, camera, (width, height), every)
    whole = picture.astype(np.uint32)
    packed = np.uint32(0xFF000000) | (whole[:, 0] << 16) | (whole[:, 1] << 8) | whole[:, 2]
    return np.ascontiguousarray(packed.reshape(height, width))


def pick(scene: Scene, camera: Camera, size: tuple[int, int], at: tuple[float, float], reach: float = 6.0) -> int:
    """Return the number of the nearest lesion of the first surface under a place of the screen; 0 for none."""
    if not scene.lesions or not len(scene.lesions[0][0].points):
        return 0
    surface = scene.lesions[0][0]
    seen = camera.project(surface.points, *size)
    away = np.hypot(seen[:, 0] - at[0], seen[:, 1] - at[1])
    near = np.flatnonzero(away <= max(reach, surface.apart * camera.zoom))
    if not near.size:
        return 0
    return int(surface.owners[near[np.argmax(seen[near, 2])]])


def _draw(
    picture: NDArray[np.float32],
    surface: Surface,
    colours: NDArray[np.float32],
    camera: Camera,
    size: tuple[int, int],
    every: int,
) -> None:
    """Draw an opaque surface into a picture of (height · width, 3)."""
    places, facing, order = _seen(surface, camera, size, every)
    light = 0.3 + 0.7 * np.maximum(facing[order] @ _LIGHT, 0.0)
    shaded = colours[::every][order] * light[:, None]
    _scatter(picture, places[order], shaded, size, _dot(surface, camera, every))


def _lay_over(
    picture: NDArray[np.float32], surface: Surface, camera: Camera, size: tuple[int, int], every: int
) -> None:
    """Lay a surface over the picture as if it were of glass."""
    cover = np.zeros((len(picture), 2), dtype=np.float32)
    places, facing, order = _seen(surface, camera, size, every)
    facing = facing[order]
    front = facing[:, 2] > 0
    light = 0.35 + 0.65 * np.maximum(facing @ _LIGHT, 0.0)
    rim = _BODY_FAINT + (_BODY_RIM - _BODY_FAINT) * (1.0 - np.abs(facing[:, 2])) ** 2
    drawn = np.stack([rim, light * _BODY_GREY], axis=1)[front]
    _scatter(cover, places[order][front], drawn, size, _dot(surface, camera, every))
    alpha = cover[:, :1]
    picture *= 1.0 - alpha
    picture += alpha * cover[:, 1:]


def _seen(
    surface: Surface, camera: Camera, size: tuple[int, int], every: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Return places on the screen, where the points face (right, up, towards), and their order, the nearest last."""
    seen = camera.project(surface.points[::every], *size)
    facing = surface.normals[::every] @ camera.turn.astype(np.float32).T
    return seen[:, :2], facing, np.argsort(seen[:, 2], kind="stable")


def _dot(surface: Surface, camera: Camera, every: int) -> int:
    return int(min(max(math.ceil(1.1 * surface.apart * camera.zoom * math.sqrt(every)), 1), _LARGEST_DOT))


def _scatter(
    picture: NDArray[np.float32],
    places: NDArray[np.float32],
    values: NDArray[np.float32],
    size: tuple[int, int],
    dot: int,
) -> None:
    """Write values as squares of `dot` pixels; later ones win."""
    width, height = size
    columns = np.floor(places[:, 0] - (dot - 1) / 2).astype(np.int32)
    rows = np.floor(places[:, 1] - (dot - 1) / 2).astype(np.int32)
    visible = (columns > -dot) & (columns < width) & (rows > -dot) & (rows < height)
    columns, rows, values = columns[visible], rows[visible], values[visible]
    # Point by point, not offset by offset: a far point must not cover a near one with another of its pixels.
    down, across = (offset.ravel() for offset in np.mgrid[0:dot, 0:dot])
    r = (rows[:, None] + down).ravel()
    c = (columns[:, None] + across).ravel()
    inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
    owner = np.full(len(picture), -1, dtype=np.int32)
    owner[(r * width + c)[inside]] = np.repeat(np.arange(len(rows), dtype=np.int32), dot * dot)[inside]
    hit = np.flatnonzero(owner >= 0)
    picture[hit] = values[owner[hit]]
