using System.Text;

namespace AudioToken.Training;

/// <summary>Seeds of many independent streams from one: what is drawn depends on its seed, its name and the step alone, so training that goes on
/// after a stop needs no generator's state.</summary>
public static class StableSeed
{
    /// <summary>The seed of a named stream at a step. FNV-1a over the name, then SplitMix64's finaliser.</summary>
    public static ulong Of(ulong seed, string stream, long step = 0)
    {
        ulong hash = 0xCBF29CE484222325 ^ seed;
        foreach (byte letter in Encoding.UTF8.GetBytes(stream))
            hash = (hash ^ letter) * 0x100000001B3;
        ulong z = hash + ((ulong)step + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
