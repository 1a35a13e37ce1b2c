using AudioToken.World.Drawing;

namespace AudioToken.World;

/// <summary>How a subject can look: a word for captions and the colour that the word means.</summary>
/// <param name="Word">An adjective.</param>
/// <param name="Hex">Red, green and blue, a byte each.</param>
public sealed record Look(string Word, int Hex)
{
    internal Colour Colour => Colour.Hex(Hex);
}
