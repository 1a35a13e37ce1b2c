using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    private void NarrowTiles(in WinogradJob windows, int batch)
    {
        using TensorScope scope = Scope();
        NarrowWinograd job = new() { Windows = windows, Tiles = checked(batch * windows.TileRows * windows.TileColumns) };
        job.Filters = Working(windows.Packed.Panels * job.PanelFloats);
        _engine.Multiply(_workers, job);
    }
}
